// Tables of constants, read by index.
static const short table[2][4] = {{1, -2, 3, -4}, {500, 600, -700}};
static const char names[][5] = {"zero", "one", "two"};
static const struct { unsigned char k; long v; } pairs[] = {{1, -1}, {2, 0x7fffffffffff}, {255, 9}};
long t_static_const(long a, long b) { return table[a & 1][b & 3] + names[a >> 4 & 1][b & 3] * 1000 + pairs[b >> 5 & 1].v + pairs[1 + (a & 1)].k + sizeof(names) + sizeof(table) / sizeof(table[0][0]); }
