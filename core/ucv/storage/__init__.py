"""The registry: tables, migrations, repositories."""
