"""What squrl costs: in time, memory and dollars, against what people would otherwise use."""
