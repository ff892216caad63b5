// Braces may be left out, and each inner aggregate takes what it needs.
struct in { int a[2]; struct { char b, c; } d; int e; };
long t_elided(long a, long b) { struct in v = {a, b, 3, 4, 5}; int m[2][3] = {1, 2, 3, a}; struct in w[2] = {1, 2, 3, 4, 5, {{6, 7}, 8, 9}}; char t[2][4] = {"abc", {"d"}}; return v.a[0] + v.a[1] * 3 + v.d.b + v.d.c * 5 + v.e + m[0][2] + m[1][0] * 7 + m[1][1] + w[0].e + w[1].a[1] * 9 + w[1].d.b * 11 + w[1].e + t[0][2] + t[1][0] + t[1][1]; }
