/* Connected components of links by union-find: what benchmarks/resolve.py takes for the floor.
 *
 * A link is the hash of a value and a member: below, the identity; above, the mask of the stronger identifiers that it
 * has. Links are sorted by value, then member. Two identities of one value match when their masks have no bit in common.
 */
#include <stddef.h>
#include <stdint.h>

#define MASKS 256

static uint32_t find(uint32_t *parent, uint32_t node) {
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

/* The smaller root stays, so that a root is the least of its component. */
static void unite(uint32_t *parent, uint64_t a, uint64_t b) {
    uint32_t x = find(parent, (uint32_t)a), y = find(parent, (uint32_t)b);
    if (x < y)
        parent[y] = x;
    else
        parent[x] = y;
}

static void unite_all(uint32_t *parent, const uint64_t *members, size_t begin, size_t end, uint64_t with) {
    for (size_t i = begin; i < end; i++)
        unite(parent, members[i], with);
}

/* One value's links: everyone of a mask with one of each mask that has no bit in common with it. */
static int unite_value(uint32_t *parent, const uint64_t *members, size_t begin, size_t end) {
    if (members[begin] >> 32 == 0) {
        unite_all(parent, members, begin + 1, end, members[begin]);
        return 0;
    }
    size_t starts[MASKS + 1], masks = 0;
    for (size_t i = begin; i < end; i++)
        if (i == begin || members[i] >> 32 != members[i - 1] >> 32) {
            if (masks == MASKS)
                return 1;
            starts[masks++] = i;
        }
    starts[masks] = end;
    for (size_t a = 0; a < masks; a++)
        for (size_t b = a + 1; b < masks; b++)
            if ((members[starts[a]] >> 32 & members[starts[b]] >> 32) == 0) {
                unite_all(parent, members, starts[a], starts[a + 1], members[starts[b]]);
                unite_all(parent, members, starts[b], starts[b + 1], members[starts[a]]);
            }
    return 0;
}

/* Fills parent[0..nodes) with the least node of each one's component; not 0 when a value has too many masks. */
int components(const uint64_t *values, const uint64_t *members, size_t links, uint32_t *parent, size_t nodes) {
    for (size_t i = 0; i < nodes; i++)
        parent[i] = (uint32_t)i;
    for (size_t begin = 0, end; begin < links; begin = end) {
        for (end = begin + 1; end < links && values[end] == values[begin]; end++)
            ;
        if (unite_value(parent, members, begin, end))
            return 1;
    }
    for (size_t i = 0; i < nodes; i++)
        parent[i] = find(parent, (uint32_t)i);
    return 0;
}
