package main

// In assembly, which has its arguments and its result on the stack (ABI0), as all of Go had before 1.17.
func add(a, b int, c byte) (sum int)
