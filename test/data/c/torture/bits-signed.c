// Signed fields keep their sign, of one bit as well; `int` fields are signed.
struct f { signed a : 1; int b : 2; signed char c : 7; short d : 9; long e : 63; unsigned f : 1; };
long t_bits_signed(long a, long b) { struct f s; s.a = a; s.b = b; s.c = a; s.d = b; s.e = a; s.f = b; return s.a + s.b * 10 + s.c * 100 + s.d * 1000 + s.e + s.f; }
