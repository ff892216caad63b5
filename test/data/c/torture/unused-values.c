// Values that nobody takes, statements that do nothing, what is never reached.
static int count; static int bump(void) { return ++count; }
long t_unused_values(long a, long b) { count = 0; a; b + 1; bump(); (void)bump(); a ? bump() : b; bump() + 3; ; {} { ; } if (a) ; else ; (void)(a, b); *(&a); sizeof(bump()); if (0) bump(); while (0) bump(); for (; 0;) ; if (1) a++; else bump(); do ; while (0); return count * 100 + a + b; b++; }
