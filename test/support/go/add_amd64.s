#include "textflag.h"

// func add(a, b int, c byte) (sum int)
TEXT ·add(SB), NOSPLIT, $0-32
	MOVQ a+0(FP), AX
	ADDQ b+8(FP), AX
	MOVBQZX c+16(FP), CX
	ADDQ CX, AX
	MOVQ AX, sum+24(FP)
	RET
