// Labels have names of their own, one set in each function, also where that stands in place of a call.
static inline int first(int x) { int n = 0; out: n++; if (n < x) goto out; return n; }
static inline int second(int x) { if (x > 5) goto out; return first(x); out: return -x; }
long t_shadow_labels(long a, long b) { int out = first(a & 7); if (out > 3) goto out; out += second(b & 15) + second(3); out: return out * 10 + first(2); }
