"""All SQL. A session comes in as an argument; stores never begin, commit or roll back. Rows stay inside, values go out."""
