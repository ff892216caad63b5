// The Go program that the tests trace. It says its pid, waits for a line on its standard input, does what its first
// argument says as often as its second, and says what it has done, which the tests hold against what was traced.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What runtime.Stack says of the goroutine that calls it: "goroutine 18 [running]:"
func ownID() uint64 {
	var text [64]byte
	fields := strings.Fields(string(text[:runtime.Stack(text[:], false)]))
	id, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

// Grows its goroutine's stack: a frame of 256 bytes for each step, and a pointer into the stack to be moved with it.
//
//go:noinline
func deep(n int, above *uint64) uint64 {
	var frame [32]uint64
	frame[n%32] = uint64(n)
	if n == 0 {
		return *above
	}
	return deep(n-1, &frame[n%32]) + *above - *above + frame[n%32]
}

//go:noinline
func work(id uint64) uint64 {
	runtime.Gosched()
	return id * 2
}

type point struct{ x, y int }

//go:noinline
func (p *point) Move(by int, name string, list []byte) (int, string, error) {
	p.x += by
	return p.x, name + "!", nil
}

//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k int) int { return a + b + c + d + e + f + g + h + i + j + k }

//go:noinline
func branches(n int) int {
	if n%3 == 0 {
		return n
	}
	for i := 0; i < n; i++ {
		if i*i > n {
			return -i
		}
	}
	defer func() { recover() }()
	return n * 10
}

//go:noinline
func sleepy(milliseconds int) { time.Sleep(time.Duration(milliseconds) * time.Millisecond) }

//go:noinline
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

func parallel(n int, run func(i int)) {
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func(i int) { defer all.Done(); run(i) }(i)
	}
	all.Wait()
}

func main() {
	fmt.Println(os.Getpid())
	in := bufio.NewReader(os.Stdin)
	in.ReadString('\n')
	n, _ := strconv.Atoi(os.Args[2])
	switch os.Args[1] {
	case "deep":
		// Every goroutine starts with a small stack, and grows it to some 60 kB.
		var sum uint64
		var lock sync.Mutex
		for round := 0; round < n; round++ {
			parallel(8, func(i int) {
				zero := uint64(i)
				got := deep(199+i, &zero)
				lock.Lock()
				sum += got
				lock.Unlock()
			})
		}
		fmt.Println("sum", sum)
	case "ids":
		parallel(n, func(int) {
			id := ownID()
			if work(id) != id*2 {
				panic("wrong")
			}
		})
	case "args":
		p := &point{x: 7}
		for i := 0; i < n; i++ {
			x, name, _ := p.Move(i+1, "gopher", make([]byte, 3, 16))
			fmt.Println(x, name, many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), branches(i), add(i, 20, 3))
		}
	case "sleep":
		parallel(n, func(i int) { sleepy(20 * (i + 1)) })
	case "channel":
		values := make(chan int)
		go func() {
			for i := 0; i < n; i++ {
				time.Sleep(10 * time.Millisecond)
				values <- i
			}
			close(values)
		}()
		for range values {
		}
	case "write":
		parallel(n, func(int) {
			id := ownID()
			for i := 0; i < 10; i++ {
				os.Stderr.WriteString(fmt.Sprintln(id))
			}
		})
	case "never":
		go forever()
		sleepy(1)
	}
	fmt.Println("done")
	in.ReadString('\n')
}
