// Strings: joined, with escapes, in arrays that are longer or as long as they are, and by pointer.
static int length(const char *s) { int n = 0; while (n < 20 && s[n]) n++; return n; }
long t_strings(long a, long b) { char x[8] = "ab" "cd", y[3] = "xyz", z[] = "\x41\101\n\t\0q\\\"", e[] = ""; const char *p = "pointer"; x[a & 7] ^= 1; return length(p) + sizeof(x) + sizeof(z) * 3 + sizeof(e) + x[b & 7] + x[6] + y[b & 1] * 5 + y[2] + z[0] * 7 + z[1] + z[6] + p[a & 7] + "inline"[b & 3] + 'a' + '\n' + '\377' + '\x80' + sizeof("four"); }
