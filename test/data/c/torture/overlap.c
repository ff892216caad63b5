// Copies of structs within arrays and unions that overlap whole.
struct s { short a[5]; };
long t_overlap(long a, long b) { struct s v[3] = {{{1, 2, 3, 4, (short)a}}, {{5, 6, (short)b}}}; v[2] = v[0]; v[0] = v[1]; v[1] = v[2]; struct s *p = &v[a & 1], *q = &v[b & 1]; *p = *q; q->a[4]++; struct s t = *p; *p = v[2]; v[2] = t; long r = 0; for (int i = 0; i < 3; i++) for (int j = 0; j < 5; j++) r = r * 3 + v[i].a[j]; return r; }
