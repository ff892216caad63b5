//go:build !amd64

package main

//go:noinline
func add(a, b int, c byte) (sum int) { return a + b + int(c) }
