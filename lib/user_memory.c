// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of ring 3: what a root shows it is its own. What it gets from the
 * kernel is shown to it, and what it gives back is not any more; all else it can
 * neither replace nor change.
 */
#include "internal.h"
#include "table.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

/*
 * The kernel makes sizes whole pages, of the memory that is there. Only where
 * those are large it minds an address at which none begins, even if mremap() has
 * nothing to do.
 */
static uint64_t page_size_at(uint64_t start)
{
	uint64_t size = PAGE_SIZE;

	while (size < DUNE_PAGE_SIZE_1G && !(start & (size * 512 - 1)) &&
	       CALL4(SYS_mremap, start + size, size, size, 0) == -EINVAL)
		size *= 512;
	return size;
}

static uint64_t whole(uint64_t size, uint64_t page)
{
	return (size + page - 1) & -page;
}

/* All of a range, which need not be aligned; an empty one is. */
static bool is_own(struct dune_thread *thread, uint64_t start, uint64_t size)
{
	uint64_t first = dune_page_down(start);
	uint64_t all = dune_page_up(start - first + size);

	return all >= size &&
	       dune_shows_user(thread->root, first, all, DUNE_PTE_USER);
}

/* The kernel's rights are what counts. Without tables it has to go again. */
static long show(struct dune_thread *thread, uint64_t start, uint64_t size)
{
	size = whole(size, page_size_at(start));
	if (!dune_map(thread->root, (void *)start, size, (void *)start,
		      DUNE_PTE_USER | DUNE_PTE_WRITE))
		return start;
	CALL2(SYS_munmap, start, size);
	return -ENOMEM;
}

/* What is filled in is for ring 0 again: the kernel may give it to that. */
static void hide(struct dune_thread *thread, uint64_t start, uint64_t size)
{
	struct dune_root *root = thread->root;

	if (size && root->flags & DUNE_ROOT_FILL)
		dune_map(root, (void *)start, dune_page_up(size), (void *)start,
			 DUNE_PTE_WRITE);
	else if (size)
		dune_unmap(root, (void *)start, dune_page_up(size));
}

/*
 * At a place that ring 3 says: over what it has, or where nothing is at all.
 * That is tried page by page, which is seldom and then for few.
 */
static long claim(struct dune_thread *thread, uint64_t start, uint64_t size)
{
	uint64_t page;
	long got;

	if (start & (PAGE_SIZE - 1) || size > DUNE_ADDRESS_LIMIT ||
	    start > DUNE_ADDRESS_LIMIT - size)
		return -EINVAL;
	if (is_own(thread, start, size))
		return 0;
	for (page = start; page < start + size; page += PAGE_SIZE) {
		if (is_own(thread, page, 1))
			continue;
		got = dune_syscall(SYS_mmap, page, PAGE_SIZE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				   MAP_FIXED_NOREPLACE, -1, 0);
		if (got < 0)
			return got == -EEXIST ? -EPERM : got;
		got = show(thread, page, PAGE_SIZE);
		if (got < 0)
			return got;
	}
	return 0;
}

/* Of what mmap() is to map: another that is like it tells. */
static long page_size_of(const struct dune_frame *frame)
{
	uint64_t flags = frame->r10 & (MAP_HUGETLB |
				       MAP_HUGE_MASK << MAP_HUGE_SHIFT);
	struct statfs files;
	long size, place;

	if (!(frame->r10 & MAP_ANONYMOUS)) {
		if (CALL2(SYS_fstatfs, frame->r8, &files) ||
		    files.f_type != HUGETLBFS_MAGIC)
			return PAGE_SIZE;
		return files.f_bsize;
	}
	if (!(flags & MAP_HUGETLB))
		return PAGE_SIZE;
	place = dune_syscall(SYS_mmap, 0, PAGE_SIZE, PROT_NONE, flags |
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (place < 0)
		return place;
	size = page_size_at(place);
	CALL2(SYS_munmap, place, size);
	return size;
}

static long map(struct dune_thread *thread, const struct dune_frame *frame)
{
	bool fixed = frame->r10 & MAP_FIXED &&
		     (frame->r10 & MAP_FIXED_NOREPLACE) != MAP_FIXED_NOREPLACE;
	long ret = 0;

	if (!frame->rsi || frame->rsi > DUNE_ADDRESS_LIMIT)
		return frame->rsi ? -ENOMEM : -EINVAL;
	if (fixed)
		ret = page_size_of(frame);
	if (ret > 0)
		ret = claim(thread, frame->rdi, whole(frame->rsi, ret));
	if (ret)
		return ret;
	ret = dune_call_kernel(frame);
	return ret < 0 ? ret : show(thread, ret, frame->rsi);
}

/* What is not its own is not there for it, so nothing is done about that. */
static long unmap(struct dune_thread *thread, uint64_t start, uint64_t size)
{
	uint64_t page;
	long ret = 0;

	size = dune_page_up(size);
	if (start & (PAGE_SIZE - 1) || !size || size > DUNE_ADDRESS_LIMIT ||
	    start > DUNE_ADDRESS_LIMIT - size)
		return -EINVAL;
	if (is_own(thread, start, size)) {
		hide(thread, start, size);
		return CALL2(SYS_munmap, start, size);
	}
	for (page = start; page < start + size && !ret; page += PAGE_SIZE) {
		if (!is_own(thread, page, PAGE_SIZE))
			continue;
		hide(thread, page, PAGE_SIZE);
		ret = CALL2(SYS_munmap, page, PAGE_SIZE);
	}
	return ret;
}

static long remap(struct dune_thread *thread, const struct dune_frame *frame)
{
	uint64_t start = frame->rdi, page = page_size_at(start);
	uint64_t old = whole(frame->rsi, page), new = whole(frame->rdx, page);
	long ret;

	/* without a size it asks for a copy of what is shared there */
	if (frame->rsi > DUNE_ADDRESS_LIMIT || !is_own(thread, start, old ?: 1))
		return -EPERM;
	if (frame->rdx > DUNE_ADDRESS_LIMIT)
		return -ENOMEM;
	if (frame->r10 & MREMAP_FIXED) {
		ret = claim(thread, frame->r8, new);
		if (ret)
			return ret;
	}
	ret = dune_call_kernel(frame);
	if (ret < 0)
		return ret;
	if (old && !(frame->r10 & MREMAP_DONTUNMAP)) {
		if ((uint64_t)ret != start)
			hide(thread, start, old);
		else if (new < old)
			hide(thread, start + new, old - new);
	}
	return show(thread, ret, new);
}

/* The heap of the kernel's is the process's; ring 3 gets what it adds. */
static long change_break(struct dune_thread *thread,
			 const struct dune_frame *frame)
{
	uint64_t old = dune_page_up(CALL1(SYS_brk, 0));
	uint64_t wanted = dune_page_up(frame->rdi), new;
	long ret;

	if (frame->rdi && wanted < old && !is_own(thread, wanted, old - wanted))
		return CALL1(SYS_brk, 0);
	ret = dune_call_kernel(frame);
	new = dune_page_up(ret);
	if (new > old)
		show(thread, old, new - old);
	else if (new < old)
		hide(thread, new, old - new);
	return ret;
}

/* Where a segment is to replace what is there: its whole size. */
static long claim_segment(struct dune_thread *thread,
			  const struct dune_frame *frame, uint64_t size)
{
	long place = CALL3(SYS_shmat, frame->rdi, 0, SHM_RDONLY);

	if (dune_is_error(place))
		return place;
	size = whole(size, page_size_at(place));
	CALL1(SYS_shmdt, place);
	return claim(thread, frame->rsi, size);
}

/* shmat() */
static long attach(struct dune_thread *thread, const struct dune_frame *frame)
{
	struct shmid_ds segment;
	long ret = CALL3(SYS_shmctl, frame->rdi, IPC_STAT, &segment);

	if (!ret && frame->rdx & SHM_REMAP)
		ret = claim_segment(thread, frame, segment.shm_segsz);
	if (ret)
		return ret;
	ret = dune_call_kernel(frame);
	return dune_is_error(ret) ? ret : show(thread, ret, segment.shm_segsz);
}

/* shmdt(): only the kernel knows how much that is. */
static long detach(struct dune_thread *thread, const struct dune_frame *frame)
{
	uint64_t page = frame->rdi;
	unsigned char there;
	long ret;

	if (!is_own(thread, page, 1))
		return -EPERM;
	ret = dune_call_kernel(frame);
	if (ret)
		return ret;
	for (; is_own(thread, page, 1) &&
	     CALL3(SYS_mincore, page, PAGE_SIZE, &there) == -ENOMEM;
	     page += PAGE_SIZE)
		hide(thread, page, PAGE_SIZE);
	return 0;
}

static long change(struct dune_thread *thread, const struct dune_frame *frame)
{
	switch (frame->rax) {
	case SYS_mmap:
		return map(thread, frame);
	case SYS_munmap:
		return unmap(thread, frame->rdi, frame->rsi);
	case SYS_mremap:
		return remap(thread, frame);
	case SYS_brk:
		return change_break(thread, frame);
	case SYS_shmat:
		return attach(thread, frame);
	case SYS_shmdt:
		return detach(thread, frame);
	default:
		return is_own(thread, frame->rdi, frame->rsi) ?
		       dune_call_kernel(frame) : -EPERM;
	}
}

/*
 * Does it only have memory be there? That may have to wait until another thread
 * says what is in it.
 */
static bool only_fills(const struct dune_frame *frame)
{
	return frame->rax == SYS_mlock || frame->rax == SYS_mlock2 ||
	       (frame->rax == SYS_madvise &&
		(frame->rdx == MADV_POPULATE_READ ||
		 frame->rdx == MADV_POPULATE_WRITE));
}

/**
 * dune_user_memory() - make a call of ring 3 that is about its memory
 * @thread: whose it is
 * @frame: of ring 3
 *
 * No other thread's ring 3 has what is changed become another's meanwhile.
 *
 * Return: the result.
 */
long dune_user_memory(struct dune_thread *thread, struct dune_frame *frame)
{
	uint64_t flags;
	long ret;

	if (only_fills(frame))
		return change(thread, frame);
	flags = dune_lock_masked(DUNE_LOCK_USER_MEMORY);
	ret = change(thread, frame);
	dune_unlock_masked(DUNE_LOCK_USER_MEMORY, flags);
	return ret;
}
