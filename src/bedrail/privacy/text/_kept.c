/* Sequences of numbers of which each is kept once and known by a number of its own, for _states.c. */
#include <stdint.h>
#include <string.h>

#define NEVER UINT32_MAX

struct kept {
    uint32_t *items, *starts, *hashes, *slots; /* of sequence i: items[starts[i]] up to items[starts[i + 1]] */
    size_t room, rows, places;                 /* of items, of starts, of slots (a power of two) */
    uint32_t count;
};

static int kept_init(struct kept *k)
{
    memset(k, 0, sizeof *k);
    k->room = 1024;
    k->rows = 256;
    k->places = 1024;
    k->items = PyMem_RawMalloc(k->room * sizeof *k->items);
    k->starts = PyMem_RawMalloc((k->rows + 1) * sizeof *k->starts);
    k->hashes = PyMem_RawMalloc(k->rows * sizeof *k->hashes);
    k->slots = PyMem_RawMalloc(k->places * sizeof *k->slots);
    if (!k->items || !k->starts || !k->hashes || !k->slots)
        return -1;
    memset(k->slots, 0xff, k->places * sizeof *k->slots);
    k->starts[0] = 0;
    return 0;
}

static void kept_free(struct kept *k)
{
    PyMem_RawFree(k->items);
    PyMem_RawFree(k->starts);
    PyMem_RawFree(k->hashes);
    PyMem_RawFree(k->slots);
}

/* Twice the room, or as it was. */
static int larger(void *where, size_t *room, size_t least, size_t more, size_t size)
{
    size_t wanted = *room;
    void *grown;
    while (wanted < least)
        wanted *= 2;
    if (wanted == *room)
        return 0;
    grown = PyMem_RawRealloc(*(void **)where, (wanted + more) * size);
    if (!grown)
        return -1;
    *(void **)where = grown;
    *room = wanted;
    return 0;
}

static int more_slots(struct kept *k)
{
    size_t places = 2 * k->places;
    uint32_t *slots = PyMem_RawMalloc(places * sizeof *slots);
    if (!slots)
        return -1;
    memset(slots, 0xff, places * sizeof *slots);
    for (uint32_t i = 0; i < k->count; i++) {
        size_t at = k->hashes[i] & (places - 1);
        while (slots[at] != NEVER)
            at = (at + 1) & (places - 1);
        slots[at] = i;
    }
    PyMem_RawFree(k->slots);
    k->slots = slots;
    k->places = places;
    return 0;
}

/* The number of a sequence, which is kept if it was not; NEVER when there is no memory. */
static uint32_t keep(struct kept *k, const uint32_t *what, size_t size)
{
    uint32_t hash = 2166136261u, end;
    size_t at, rows = k->rows;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ what[i]) * 16777619u;
        hash ^= hash >> 15;
    }
    for (at = hash & (k->places - 1); k->slots[at] != NEVER; at = (at + 1) & (k->places - 1)) {
        uint32_t i = k->slots[at], start = k->starts[i];
        if (k->hashes[i] == hash && k->starts[i + 1] - start == size && !memcmp(k->items + start, what, size * sizeof *what))
            return i;
    }
    end = k->starts[k->count];
    if (end + size > INT32_MAX || larger(&k->items, &k->room, end + size, 0, sizeof *k->items)
        || larger(&k->starts, &rows, k->count + 1u, 1, sizeof *k->starts) || larger(&k->hashes, &k->rows, k->count + 1u, 0, sizeof *k->hashes))
        return NEVER;
    memcpy(k->items + end, what, size * sizeof *what);
    k->starts[k->count + 1] = end + (uint32_t)size;
    k->hashes[k->count] = hash;
    k->slots[at] = k->count++;
    if (2 * (size_t)k->count > k->places && more_slots(k)) {
        k->slots[at] = NEVER;
        k->count--;
        return NEVER;
    }
    return k->count - 1;
}

