// What happens once: operands of compound assignments, indexes, arguments of macros in parentheses.
static int calls; static int next(int *p) { calls++; return (*p)++; }
long t_side_effects(long a, long b) { int i = 0, v[6] = {1, 2, 3, 4, 5, 6}; calls = 0; v[next(&i)] += a; v[next(&i)]++; --v[next(&i)]; v[next(&i) & 7] <<= 2; int *p = v; *p++ += 3; *++p -= 1; (*p)++; long s = *p++ * 3 + *p--; s += v[i++ & 1 ? 4 : 5]; for (int k = 0; k < 6; k++) s = s * 5 + v[k]; return s + i * 1000 + calls * 10000 + b; }
long t_short_circuit(long a, long b) { int n = 0; int r = a > 0 && n++ < 5 || b > 0 && (n += 10) || !(n += 100); r += (a & 1 || n++) + ((b & 1) && n++); if (!(a && (n += 3)) || !(b || (n += 5))) n *= 2; return r * 10000 + n; }
