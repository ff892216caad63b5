// Compound literals are places: made anew where they stand, and lasting as long as their block.
struct p { int x, y; };
static long both(const struct p *p) { return p->x * 3 + p->y; }
long t_literals(long a, long b) { struct p *p = &(struct p){a, b}; p->x++; long s = both(p) + both(&(struct p){.y = a}); for (int i = 0; i < 3; i++) { int *v = (int[]){i, [2] = a}; v[1] += i; s = s * 3 + v[0] + v[1] + v[2]; } return s + (int){b} + *(&(long){a}) + ((char[]){"abc"})[a & 3] + sizeof((short[]){1, 2, 3}); }
