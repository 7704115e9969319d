"""What a scheduler is to run, planned from the configuration and written for Databricks, Airflow and Kubernetes."""
