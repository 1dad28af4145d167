"""The pipeline for the CSV file of orders, with a pydantic model.

Usage: pipeline --pipeline ours_orders_pydantic.py:pipeline run-all INPUT
"""

from order_class import Order
from order_row import OrderRow

from pipeline_jobs import Csv
from pipeline_orchestration import table_pipeline

pipeline = table_pipeline("orders", reader=Csv(), record=Order, model=OrderRow)
