"""What the front doors take and give: each contract one table of tasks and pure functions of a report."""
