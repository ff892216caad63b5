// Lists of nodes that point to each other.
struct node { long v; struct node *next; };
static struct node *reversed(struct node *p) { struct node *r = 0; for (int i = 0; i < 8 && p; i++) { struct node *n = p->next; p->next = r; r = p; p = n; } return r; }
long t_lists(long a, long b) { struct node n[4] = {{a, n + 1}, {b, n + 2}, {a ^ b, n + 3}, {5}}; long s = 0; struct node *p = reversed(n); for (int i = 0; i < 6 && p; i++, p = p->next) s = s * 3 + p->v; n[1].next = &n[0]; return s + n[1].next->v + (n[0].next == 0); }
