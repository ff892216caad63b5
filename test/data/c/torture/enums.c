// Enumerations: values that go on, negative, large, of 64 bits; packed and with a type of their own.
enum small { S0, S1 = 10, S2, S3 = S1 - 20, S4 }; enum big { B0 = 0x80000000u, B1 = 0xffffffffu }; enum huge { H0 = 1L << 40, H1, H2 = 0x7fffffffffffffff };
enum neg { N0 = -1, N1 = 0x7fffffff }; enum __attribute__((packed)) tiny { T0 = -3, T1 = 100 };
long t_enums(long a, long b) { enum small s = a & 1 ? S3 : S4; enum huge h = b & 1 ? H1 : H0; enum neg n = a & 2 ? N0 : N1; enum tiny t = b & 2 ? T0 : T1; enum big g = a & 4 ? B0 : B1; return s + h + n * 3 + t * 5 + (long)g * 7 + sizeof(enum huge) + sizeof(enum tiny) + sizeof(s) + (n < 0) + (t < 0) + (g > 0) + (s < 0); }
