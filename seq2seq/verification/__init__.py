"""Whether runs that are killed and resumed end as others do."""
