"""The store in a SQL database: SQLite for one machine, PostgreSQL for several servers."""
