// SPDX-License-Identifier: LGPL-2.1-or-later
/* Into Dune and out of it. */
#include "internal.h"
#include "table.h"

#include <asm/prctl.h>
#include <assert.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT(type, field, offset)						\
	static_assert(offsetof(struct type, field) == (offset), "entry.S")

AT(dune_thread, run, THREAD_RUN);
AT(dune_thread, host_stack, THREAD_HOST_STACK);
AT(dune_thread, signalled, THREAD_SIGNALLED);
AT(dune_thread, syscall_entry, THREAD_SYSCALL_ENTRY);
AT(dune_thread, user_rsp, THREAD_USER_RSP);
AT(dune_thread, ring3.rsp, THREAD_RING0_RSP);
AT(dune_run, regs, 0);
AT(dune_regs, rcx, REGS_RCX);
AT(dune_regs, rdi, REGS_RDI);
AT(dune_regs, r10, REGS_R10);
AT(dune_regs, rip, REGS_RIP);
AT(dune_regs, rflags, REGS_RFLAGS);
AT(dune_frame, rsp, FRAME_RSP);
static_assert(sizeof(struct dune_frame) == FRAME_SIZE, "entry.S");
static_assert(sizeof(struct dune_thread) <= PAGE_SIZE, "its block");
static_assert(DUNE_RUN == 0xd710 && SYS_ioctl == 16, "entry.S");
static_assert(DUNE_SYSCALL == DUNE_VECTOR_SYSCALL, "entry.S");

#define CR4_FSGSBASE	(1UL << 16)
#define CR4_PCIDE	(1UL << 17)
#define CPUID_PCID	(1U << 17)	/* of leaf 1, in ecx */

struct dune_info dune_module;
int dune_device = -1;

/* What virtual CPUs are made with. */
struct dune_create_vcpu dune_new_vcpu;

/* Signals whose handlers run outside. */
uint64_t dune_outside;

/* DUNE_OPTION_* bits. */
uint32_t dune_flags;

static bool ready;

/* What it says, with zero for what it does not. */
static int read_options(const struct dune_options *given,
			struct dune_options *options)
{
	const char *rest = (const char *)given + sizeof(*options);
	uint32_t i;

	memset(options, 0, sizeof(*options));
	if (!given)
		return 0;
	if (given->size < sizeof(given->size))
		return -EINVAL;
	memcpy(options, given, given->size < sizeof(*options) ?
	       given->size : sizeof(*options));
	for (i = sizeof(*options); i < given->size; i++)
		if (*rest++)
			return -EINVAL;
	if (options->flags & ~(DUNE_OPTION_FILTER | DUNE_OPTION_END_EARLY) ||
	    (!(options->flags & DUNE_OPTION_FILTER) && options->filter) ||
	    options->reserved || options->stack_size & (PAGE_SIZE - 1) ||
	    options->stack_size > DUNE_PAGE_SIZE_1G / 2 ||
	    (options->fill_size && options->fill_size != DUNE_PAGE_SIZE &&
	     options->fill_size != DUNE_PAGE_SIZE_2M &&
	     options->fill_size != DUNE_PAGE_SIZE_1G))
		return -EINVAL;
	return 0;
}

/* The program's descriptor is its own to close. */
static int take_filter(const struct dune_options *options)
{
	int fd;

	if (!(options->flags & DUNE_OPTION_FILTER))
		return 0;
	fd = fcntl(options->filter, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	dune_new_vcpu.flags = DUNE_VCPU_FILTER;
	dune_new_vcpu.filter = dune_high_descriptor(fd);
	return 0;
}

int dune_init(const struct dune_options *given)
{
	struct dune_options options;
	int err;

	if (ready)
		return 0;
	err = read_options(given, &options) ?: dune_query_info(&dune_module);
	if (err)
		return err;
	dune_device = open("/dev/dune", O_RDWR | O_CLOEXEC);
	if (dune_device < 0)
		return -errno;
	dune_device = dune_high_descriptor(dune_device);
	err = take_filter(&options) ?: dune_own_init() ?:
	      dune_window_init() ?: dune_fork_init();
	if (err) {
		if (dune_new_vcpu.flags)
			close(dune_new_vcpu.filter);
		dune_new_vcpu = (struct dune_create_vcpu){ 0 };
		close(dune_device);
		dune_device = -1;
		return err;
	}
	dune_table_init(options.fill_size);
	dune_handler_size = options.stack_size;
	dune_frame_init();
	dune_trap_init();
	dune_outside = options.outside;
	dune_flags = options.flags;
	ready = true;
	return 0;
}

/* Numbers for roots in the TLB, where the CPU has them and the host uses them. */
static bool turn_on_tags(int vcpu, struct dune_state *state)
{
	struct dune_state tagged = *state;
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & CPUID_PCID))
		return false;
	tagged.cr4 |= CR4_PCIDE;
	if (ioctl(vcpu, DUNE_SET_STATE, &tagged))
		return false;
	*state = tagged;
	return true;
}

/*
 * What the handler of the first fault needs must be there before it: a fault
 * in the handler would find its stack in use.
 */
static int set_up_guest(struct dune_thread *thread)
{
	struct dune_state state;
	int err;

	if (ioctl(thread->vcpu, DUNE_GET_STATE, &state))
		return -errno;
	err = dune_root_init(thread->vcpu, turn_on_tags(thread->vcpu, &state)) ?:
	      dune_thread_show(thread->vcpu, thread);
	if (err)
		return err;
	thread->root = dune_roots;
	dune_trap_set_up(thread, &state);
	dune_has_fsgsbase = state.cr4 & CR4_FSGSBASE;
	state.cr3 = thread->root->cr3;
	state.sfmask = 0;
	/* thread-local storage stays where it is */
	if (syscall(SYS_arch_prctl, ARCH_GET_FS, &state.fs.base) ||
	    syscall(SYS_arch_prctl, ARCH_GET_GS, &state.gs.base))
		return -errno;
	return ioctl(thread->vcpu, DUNE_SET_STATE, &state) ? -errno : 0;
}

int dune_enter(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	struct dune_thread *thread;
	uint64_t mask;
	int err;

	if (!ready)
		return -EINVAL;
	if (dune_in_ring0())
		return -EALREADY;
	err = dune_thread_create(&thread);
	if (err)
		return err;
	/* a handler that calls fork() would wait for what is locked here */
	mask = dune_block_signals();
	CALL2(SYS_sigaltstack, &none, &thread->stack);
	err = set_up_guest(thread);
	if (!err) {
		dune_signal_init(thread);
		dune_rseq_init(thread);
	}
	dune_set_mask(mask);
	if (!err)
		err = dune_enter_guest(thread);
	/* In the guest, if it worked. */
	if (err) {
		dune_rseq_undo(thread);
		CALL2(SYS_sigaltstack, &thread->stack, NULL);
		dune_thread_destroy(thread);
	}
	return err;
}

/* Called by a handler that is to go back into the guest, or on its stack? */
static bool in_handler(const struct dune_thread *thread)
{
	uint64_t sp = (uint64_t)__builtin_frame_address(0);

	return thread->ring3.rsp ||
	       (uint64_t)thread->handler_stack - sp < thread->handler_size;
}

int dune_leave(void)
{
	struct dune_thread *thread = dune_self();
	long ret;

	if (!thread || in_handler(thread))
		return -EPERM;
	ret = CALL0(DUNE_CALL_LEAVE);
	if (ret)
		return ret;
	/* outside: the kernel has loaded what the guest had */
	dune_rseq_undo(thread);
	dune_thread_destroy(thread);
	return 0;
}

int dune_get_stats(struct dune_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (!dune_in_ring0())
		return -EINVAL;
	return CALL2(DUNE_CALL_VCPU, DUNE_GET_STATS, stats);
}
