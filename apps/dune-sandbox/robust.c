// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Futexes. Most is a matter of addresses; but at the end of a thread the kernel
 * goes through a list of locks that the thread holds, in memory that others can
 * change until then, and changes words of it. It would find the supervisor's
 * memory as well. So the kernel is told of no list: the supervisor keeps where
 * it is, and goes through it itself when the thread says that it ends.
 */
#include "handlers.h"

#include <errno.h>
#include <linux/futex.h>

/* Threads with a list, at most; and how far one is from where it belongs. */
#define THREADS		4096U
#define NEAR		64U

#define LOCKS		2048	/* more are none, as the kernel has it */

/* The uppermost byte of a lock's word: the rest of it is the holder. */
#define WAITERS_BYTE	(FUTEX_WAITERS >> 24)
#define DIED_BYTE	(FUTEX_OWNER_DIED >> 24)
#define HOLDER_BYTES	3

#define WAITS		128
#define TIME_SIZE	16

/**
 * struct robust - where the list of a thread is
 * @tid: the thread's number, which it alone sets; 0: of none
 * @head: in memory of ring 3
 */
static struct robust {
	int tid;
	uint64_t head;
} robust[THREADS];

/* As many as are on a page; and of which pages any was ever set. */
#define BLOCK		(4096 / sizeof(struct robust))

static bool used[THREADS / BLOCK];

static int own_tid(void)
{
	return CALL1(SYS_gettid, 0);
}

/**
 * forget_robust_lists() - for a new process: they are its parent's
 *
 * What nobody has used is not touched: it would become memory of its own.
 */
void forget_robust_lists(void)
{
	unsigned int block, i;

	for (block = 0; block < ARRAY_SIZE(used); block++)
		for (i = 0; used[block] && i < BLOCK; i++)
			__atomic_store_n(&robust[block * BLOCK + i].tid, 0,
					 __ATOMIC_RELAXED);
}

static struct robust *find_robust(int tid)
{
	unsigned int i;

	for (i = 0; i < NEAR; i++) {
		struct robust *one = &robust[(tid + i) % THREADS];

		if (__atomic_load_n(&one->tid, __ATOMIC_RELAXED) == tid)
			return one;
	}
	return NULL;
}

static struct robust *make_robust(int tid)
{
	unsigned int i;
	int none;

	for (i = 0; i < NEAR; i++) {
		struct robust *one = &robust[(tid + i) % THREADS];

		/* before: a child that has the one has the other */
		__atomic_store_n(&used[(one - robust) / BLOCK], true,
				 __ATOMIC_RELEASE);
		none = 0;
		if (__atomic_compare_exchange_n(&one->tid, &none, tid, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return one;
	}
	return NULL;
}

long handle_set_robust_list(struct dune_frame *frame)
{
	int tid = own_tid();
	struct robust *one;

	if (argument(frame, 1) != sizeof(struct robust_list_head))
		return -EINVAL;
	if (is_supervisors(argument(frame, 0), argument(frame, 1)))
		return -EFAULT;
	one = find_robust(tid);
	if (!one)
		one = make_robust(tid);
	/* C libraries can do without */
	if (!one)
		return -ENOSYS;
	one->head = argument(frame, 0);
	return 0;
}

long handle_get_robust_list(struct dune_frame *frame)
{
	int pid = argument(frame, 0), tid = own_tid();
	struct robust *one = find_robust(tid);
	size_t size = sizeof(struct robust_list_head);
	uint64_t head = one ? one->head : 0;
	long err;

	if (pid && pid != tid)
		return -EPERM;
	err = copy_out(argument(frame, 2), &size, sizeof(size));
	return err ?: copy_out(argument(frame, 1), &head, sizeof(head));
}

static long put_byte(uint64_t at, uint8_t byte)
{
	return copy_out(at, &byte, sizeof(byte));
}

/*
 * The holder is this thread, so that all that others do with the word is to note
 * that they wait. That is noted for them, and then no change of theirs is lost;
 * nor is the word ever that of a lock that is free.
 */
static long let_go(uint64_t at)
{
	static const uint8_t nobody[HOLDER_BYTES];
	uint64_t upper = at + HOLDER_BYTES;
	long err;

	err = put_byte(upper, WAITERS_BYTE);
	err = err ?: copy_out(at, nobody, sizeof(nobody));
	return err ?: put_byte(upper, WAITERS_BYTE | DIED_BYTE);
}

static void wake(uint64_t at)
{
	CALL3(SYS_futex, at, FUTEX_WAKE, 1);
}

/*
 * As the kernel: a lock that was being given up when the thread ended is free,
 * but perhaps nobody was told.
 */
static long end_lock(uint64_t at, bool inherits, bool pending)
{
	uint32_t word;
	long err;

	if (at % sizeof(word))
		return -EINVAL;
	err = copy_in(&word, at, sizeof(word));
	if (err)
		return err;
	if (pending && !inherits && !word) {
		wake(at);
		return 0;
	}
	if ((word & FUTEX_TID_MASK) != (uint32_t)own_tid())
		return 0;
	err = let_go(at);
	if (!err && !inherits)
		wake(at);
	return err;
}

/* The lowest bit of an entry's address tells of priority inheritance. */
static void end_locks(uint64_t head_at)
{
	struct robust_list_head head;
	uint64_t entry, next, pending, offset;
	int count;

	if (copy_in(&head, head_at, sizeof(head)))
		return;
	entry = (uint64_t)head.list.next;
	pending = (uint64_t)head.list_op_pending;
	offset = head.futex_offset;
	for (count = 0; count < LOCKS && (entry & ~1UL) != head_at; count++) {
		long err = copy_in(&next, entry & ~1UL, sizeof(next));

		if ((entry & ~1UL) != (pending & ~1UL) &&
		    end_lock((entry & ~1UL) + offset, entry & 1, false))
			return;
		if (err)
			break;
		entry = next;
	}
	if (pending & ~1UL)
		end_lock((pending & ~1UL) + offset, pending & 1, true);
}

long handle_exit(struct dune_frame *frame)
{
	struct robust *one = find_robust(own_tid());

	if (one) {
		if (one->head)
			end_locks(one->head);
		one->head = 0;
		__atomic_store_n(&one->tid, 0, __ATOMIC_RELEASE);
	}
	return forward(frame);
}

static bool has_second(int operation)
{
	return operation == FUTEX_REQUEUE || operation == FUTEX_CMP_REQUEUE ||
	       operation == FUTEX_WAKE_OP ||
	       operation == FUTEX_WAIT_REQUEUE_PI ||
	       operation == FUTEX_CMP_REQUEUE_PI;
}

static bool has_time(int operation)
{
	return operation == FUTEX_WAIT || operation == FUTEX_LOCK_PI ||
	       operation == FUTEX_WAIT_BITSET ||
	       operation == FUTEX_WAIT_REQUEUE_PI ||
	       operation == FUTEX_LOCK_PI2;
}

long handle_futex(struct dune_frame *frame)
{
	int operation = (int)argument(frame, 1) & FUTEX_CMD_MASK;

	if (operation > FUTEX_LOCK_PI2)
		return -ENOSYS;
	if (is_supervisors(argument(frame, 0), sizeof(uint32_t)))
		return -EFAULT;
	if (has_second(operation) &&
	    is_supervisors(argument(frame, 4), sizeof(uint32_t)))
		return -EFAULT;
	if (has_time(operation) && argument(frame, 3) &&
	    is_supervisors(argument(frame, 3), TIME_SIZE))
		return -EFAULT;
	return forward(frame);
}

long handle_futex_waitv(struct dune_frame *frame)
{
	uint32_t count = argument(frame, 1), i;
	struct dune_frame changed = *frame;
	struct futex_waitv waits[WAITS];
	long err;

	if (!count || count > WAITS)
		return -EINVAL;
	err = copy_in(waits, argument(frame, 0), count * sizeof(waits[0]));
	if (err)
		return err;
	for (i = 0; i < count; i++)
		if (is_supervisors(waits[i].uaddr, sizeof(uint32_t)))
			return -EFAULT;
	if (argument(frame, 3) && is_supervisors(argument(frame, 3), TIME_SIZE))
		return -EFAULT;
	changed.rdi = (uint64_t)waits;
	return forward_changed(frame, &changed);
}
