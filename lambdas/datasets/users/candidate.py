"""The new data source, as the dataset and the routes that write reach it."""

from dataset_runtime.sql import SqlStore
from datasets.users.models import User

store = SqlStore(User)
