// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The page allocator. Memory comes by extents of 16 MiB, which are never given
 * back, of eight chunks each; pages of 4 KiB come from a chunk that has some, a
 * page of 2 MiB is a chunk. What nobody uses of a chunk's memory the kernel gets
 * back when all of the chunk is free, but for one such chunk: who frees and
 * takes the same page again and again is not to ask the kernel every time.
 */
#include "internal.h"
#include "table.h"

#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/syscall.h>

#define CHUNK_SIZE	DUNE_PAGE_SIZE_2M
#define CHUNK_PAGES	(CHUNK_SIZE / PAGE_SIZE)
#define CHUNKS		8
#define EXTENT_SIZE	(CHUNKS * CHUNK_SIZE)
#define EXTENT_PAGES	(CHUNKS * CHUNK_PAGES)
#define EXTENTS		(DUNE_OWN_SIZE / EXTENT_SIZE)
#define NONE		0xffff

/**
 * struct chunk - 2 MiB of pages
 * @others: in the list that it is on
 * @free: page that was freed last, by its number in the extent, or NONE
 * @fresh: pages from this number in the chunk on were never used
 * @used: how many are
 * @first: number in the chunk of the first that may be
 * @large: it is a page itself
 */
struct chunk {
	LIST_ENTRY(chunk) others;
	uint16_t free, fresh, used, first;
	bool large;
};

/**
 * struct extent - what is at its beginning, and of the pages there
 * @count: users of each page; of a large one, of its first
 * @next: the page freed before this one, or NONE
 * @chunks: the chunks
 */
struct extent {
	uint32_t count[EXTENT_PAGES];
	uint16_t next[EXTENT_PAGES];
	struct chunk chunks[CHUNKS];
};

#define EXTENT_USED	((sizeof(struct extent) + PAGE_SIZE - 1) / PAGE_SIZE)

/*
 * All under the lock. @with_room: chunks with pages of 4 KiB to be had; @empty:
 * those without memory, for any use; @spare: one without users that has memory.
 */
static struct {
	LIST_HEAD(list, chunk) with_room, empty;
	struct chunk *spare;
	struct dune_page_stats stats;
	uint8_t is_extent[EXTENTS / 8];
} pages;

static struct extent *extent_of(const void *address)
{
	return (struct extent *)((uint64_t)address & ~(EXTENT_SIZE - 1));
}

static unsigned int page_number(const void *address)
{
	return ((uint64_t)address & (EXTENT_SIZE - 1)) / PAGE_SIZE;
}

static struct chunk *chunk_of(const void *address)
{
	return &extent_of(address)->chunks[page_number(address) / CHUNK_PAGES];
}

static unsigned int chunk_number(const struct chunk *chunk)
{
	return chunk - extent_of(chunk)->chunks;
}

static char *chunk_memory(const struct chunk *chunk)
{
	return (char *)extent_of(chunk) + chunk_number(chunk) * CHUNK_SIZE;
}

static uint64_t extent_index(const void *address)
{
	return ((uint64_t)address & (DUNE_OWN_SIZE - 1)) / EXTENT_SIZE;
}

static bool is_page(const void *address)
{
	uint64_t index = extent_index(address);

	return dune_is_own((uint64_t)address) &&
	       pages.is_extent[index / 8] >> index % 8 & 1;
}

static void set_up_chunk(struct chunk *chunk)
{
	chunk->free = NONE;
	chunk->first = chunk_number(chunk) ? 0 : EXTENT_USED;
	chunk->fresh = chunk->first;
}

static bool new_extent(void)
{
	struct extent *extent = dune_own_map(EXTENT_SIZE, EXTENT_SIZE);
	uint64_t index;
	int i;

	if (!extent)
		return false;
	for (i = 0; i < CHUNKS; i++) {
		set_up_chunk(&extent->chunks[i]);
		LIST_INSERT_HEAD(i ? &pages.empty : &pages.with_room,
				 &extent->chunks[i], others);
	}
	index = extent_index(extent);
	pages.is_extent[index / 8] |= 1 << index % 8;
	pages.stats.reserved += EXTENT_SIZE;
	return true;
}

static struct chunk *chunk_with_room(void)
{
	struct chunk *chunk;

	if (LIST_EMPTY(&pages.with_room) && LIST_EMPTY(&pages.empty) &&
	    !new_extent())
		return NULL;
	if (LIST_EMPTY(&pages.with_room)) {
		chunk = LIST_FIRST(&pages.empty);
		LIST_REMOVE(chunk, others);
		LIST_INSERT_HEAD(&pages.with_room, chunk, others);
	}
	return LIST_FIRST(&pages.with_room);
}

static bool is_full(const struct chunk *chunk)
{
	return chunk->free == NONE && chunk->fresh == CHUNK_PAGES;
}

/* Sets *clean if nobody has had it before. */
static char *take_page(struct chunk *chunk, bool *clean)
{
	struct extent *extent = extent_of(chunk);
	unsigned int number = chunk->free;

	*clean = number == NONE;
	if (*clean)
		number = chunk_number(chunk) * CHUNK_PAGES + chunk->fresh++;
	else
		chunk->free = extent->next[number];
	if (pages.spare == chunk)
		pages.spare = NULL;
	chunk->used++;
	if (is_full(chunk))
		LIST_REMOVE(chunk, others);
	extent->count[number] = 1;
	pages.stats.used += PAGE_SIZE;
	return (char *)extent + number * PAGE_SIZE;
}

void *dune_page_alloc(void)
{
	uint64_t flags = dune_lock_masked(DUNE_LOCK_PAGES);
	struct chunk *chunk = chunk_with_room();
	char *page = NULL;
	bool clean;

	if (chunk)
		page = take_page(chunk, &clean);
	dune_unlock_masked(DUNE_LOCK_PAGES, flags);
	if (page && !clean)
		memset(page, 0, PAGE_SIZE);
	return page;
}

void *dune_page_alloc_large(void)
{
	uint64_t flags = dune_lock_masked(DUNE_LOCK_PAGES);
	struct chunk *chunk = NULL;
	char *page = NULL;

	if (!LIST_EMPTY(&pages.empty) || new_extent()) {
		chunk = LIST_FIRST(&pages.empty);
		LIST_REMOVE(chunk, others);
		chunk->large = true;
		page = chunk_memory(chunk);
		extent_of(chunk)->count[page_number(page)] = 1;
		pages.stats.used += CHUNK_SIZE;
		pages.stats.large++;
	}
	dune_unlock_masked(DUNE_LOCK_PAGES, flags);
	if (page)
		CALL3(SYS_madvise, page, CHUNK_SIZE, MADV_HUGEPAGE);
	return page;
}

static void give_memory_back(struct chunk *chunk)
{
	uint64_t skip = chunk->first * PAGE_SIZE;

	CALL3(SYS_madvise, chunk_memory(chunk) + skip, CHUNK_SIZE - skip,
	      MADV_DONTNEED);
	set_up_chunk(chunk);
}

/* Nobody uses any of its pages, and it is among those with room. */
static void retire(struct chunk *chunk)
{
	struct chunk *old = pages.spare;

	pages.spare = chunk;
	if (!old)
		return;
	give_memory_back(old);
	/* the rest of an extent's first one is for small pages only */
	if (old->first)
		return;
	LIST_REMOVE(old, others);
	LIST_INSERT_HEAD(&pages.empty, old, others);
}

static void free_small(struct chunk *chunk, unsigned int number)
{
	bool was_full = is_full(chunk);

	extent_of(chunk)->next[number] = chunk->free;
	chunk->free = number;
	chunk->used--;
	pages.stats.used -= PAGE_SIZE;
	if (was_full)
		LIST_INSERT_HEAD(&pages.with_room, chunk, others);
	if (!chunk->used)
		retire(chunk);
}

static void free_large(struct chunk *chunk)
{
	chunk->large = false;
	pages.stats.used -= CHUNK_SIZE;
	pages.stats.large--;
	CALL3(SYS_madvise, chunk_memory(chunk), CHUNK_SIZE, MADV_NOHUGEPAGE);
	give_memory_back(chunk);
	LIST_INSERT_HEAD(&pages.empty, chunk, others);
}

/* Where its users are counted. */
static uint32_t *count_of(const void *page)
{
	const struct chunk *chunk = chunk_of(page);

	return &extent_of(page)->count[chunk->large ?
				       chunk_number(chunk) * CHUNK_PAGES :
				       page_number(page)];
}

void dune_page_get(void *page)
{
	__atomic_add_fetch(count_of(page), 1, __ATOMIC_RELAXED);
}

void dune_page_put(void *page)
{
	uint64_t flags = dune_lock_masked(DUNE_LOCK_PAGES);
	struct chunk *chunk = chunk_of(page);

	if (!__atomic_sub_fetch(count_of(page), 1, __ATOMIC_RELAXED)) {
		if (chunk->large)
			free_large(chunk);
		else
			free_small(chunk, page_number(page));
	}
	dune_unlock_masked(DUNE_LOCK_PAGES, flags);
}

unsigned int dune_page_count(const void *page)
{
	return is_page(page) && page_number(page) >= EXTENT_USED ?
	       __atomic_load_n(count_of(page), __ATOMIC_RELAXED) : 0;
}

void dune_page_get_stats(struct dune_page_stats *stats)
{
	uint64_t flags = dune_lock_masked(DUNE_LOCK_PAGES);

	*stats = pages.stats;
	stats->kept = pages.spare ? (pages.spare->fresh - pages.spare->first) *
				    PAGE_SIZE : 0;
	dune_unlock_masked(DUNE_LOCK_PAGES, flags);
}
