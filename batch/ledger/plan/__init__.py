"""Planning: stage a sheet's rows, judge each row, commit the plan."""
