"""What the sysadmin and the firm wrote: files in, checked values or all their faults out."""
