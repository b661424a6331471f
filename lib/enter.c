// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune_init(), dune_enter(), and the host's side of a thread in Dune. */
#include "internal.h"

#include <asm/prctl.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOST_STACK_SIZE	(64 << 10)
#define PAGE_SIZE	4096

static_assert(offsetof(struct dune_thread, run) == THREAD_RUN, "entry.S");
static_assert(offsetof(struct dune_thread, host_stack) == THREAD_HOST_STACK,
	      "entry.S");
static_assert(offsetof(struct dune_run, regs) == 0, "entry.S");
static_assert(offsetof(struct dune_regs, rbx) == REGS_RBX, "entry.S");
static_assert(offsetof(struct dune_regs, rsp) == REGS_RSP, "entry.S");
static_assert(offsetof(struct dune_regs, rbp) == REGS_RBP, "entry.S");
static_assert(offsetof(struct dune_regs, r12) == REGS_R12, "entry.S");
static_assert(offsetof(struct dune_regs, r15) == REGS_R15, "entry.S");
static_assert(offsetof(struct dune_regs, rip) == REGS_RIP, "entry.S");
static_assert(offsetof(struct dune_regs, rflags) == REGS_RFLAGS, "entry.S");

static struct {
	bool ready;
	bool entered;
	struct dune_info info;
	int device;
	int vcpu;
	void *syscall_entry;
} dune;

/*
 * What SYSCALL calls: the instruction that leaves the guest, which is the
 * CPU's own, and a jump back to where SYSCALL was executed. No stack is used;
 * with SFMASK zero the flags are as they were.
 */
static int make_syscall_entry(void)
{
	static const uint8_t jump_back[] = { 0xff, 0xe1 };	/* jmp *%rcx */
	uint8_t *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	memcpy(page, dune.info.hypercall, dune.info.hypercall_len);
	memcpy(page + dune.info.hypercall_len, jump_back, sizeof(jump_back));
	if (mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC))
		return -errno;
	dune.syscall_entry = page;
	return 0;
}

int dune_init(void)
{
	int err;

	if (dune.ready)
		return 0;
	err = dune_query_info(&dune.info);
	if (err)
		return err;
	dune.device = open("/dev/dune", O_RDWR | O_CLOEXEC);
	if (dune.device < 0)
		return -errno;
	err = make_syscall_entry();
	if (err)
		close(dune.device);
	dune.ready = !err;
	return err;
}

static int make_vcpu(struct dune_thread *thread)
{
	struct dune_create_vcpu args = { 0 };
	char *stack;

	thread->vcpu = ioctl(dune.device, DUNE_CREATE_VCPU, &args);
	if (thread->vcpu < 0)
		return -errno;
	thread->run = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			   thread->vcpu, 0);
	if (thread->run == MAP_FAILED)
		goto fail;
	stack = mmap(NULL, HOST_STACK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		goto fail;
	thread->host_stack = stack + HOST_STACK_SIZE;
	return 0;
fail:
	close(thread->vcpu);
	return -errno;
}

/*
 * What the handler of the first fault needs must be there before it: a fault
 * in the handler would find its stack and its lock in use.
 */
static int map_ourselves(void)
{
	int err = dune_map_range((uint64_t)__ehdr_start, (uint64_t)_end);

	if (!err)
		err = dune_map_tables();
	if (!err)
		err = dune_map_range((uint64_t)dune.syscall_entry,
				     (uint64_t)dune.syscall_entry + PAGE_SIZE);
	return err;
}

/* Thread-local storage stays where it is. */
static int get_fs_base(__u64 *base)
{
	return syscall(SYS_arch_prctl, ARCH_GET_FS, base) ? -errno : 0;
}

static int set_up_guest(struct dune_thread *thread)
{
	struct dune_state state;
	int err;

	if (ioctl(thread->vcpu, DUNE_GET_STATE, &state))
		return -errno;
	err = dune_map_init(thread->vcpu);
	if (err)
		return err;
	dune_trap_init(&state);
	state.cr3 = dune_map_root();
	state.lstar = (uint64_t)dune.syscall_entry;
	state.sfmask = 0;
	err = get_fs_base(&state.fs.base);
	if (err)
		return err;
	err = map_ourselves();
	if (err)
		return err;
	return ioctl(thread->vcpu, DUNE_SET_STATE, &state) ? -errno : 0;
}

int dune_enter(void)
{
	static struct dune_thread thread;
	int err;

	if (!dune.ready)
		return -EINVAL;
	if (dune.entered)
		return -EALREADY;
	err = make_vcpu(&thread);
	if (err)
		return err;
	err = set_up_guest(&thread);
	if (!err) {
		dune.entered = true;
		dune.vcpu = thread.vcpu;
		err = dune_enter_guest(&thread);
	}
	/* In the guest, if it worked. */
	if (err) {
		dune.entered = false;
		munmap((char *)thread.host_stack - HOST_STACK_SIZE,
		       HOST_STACK_SIZE);
		munmap(thread.run, PAGE_SIZE);
		close(thread.vcpu);
	}
	return err;
}

int dune_get_stats(struct dune_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (!dune.entered)
		return -EINVAL;
	return dune_raw_syscall(SYS_ioctl, dune.vcpu, DUNE_GET_STATS,
				(long)stats, 0, 0, 0);
}

static long forward(const struct dune_regs *regs)
{
	switch (regs->rax) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		/* a child would find itself outside, with half a state */
		return -EOPNOTSUPP;
	default:
		return dune_raw_syscall(regs->rax, regs->rdi, regs->rsi,
					regs->rdx, regs->r10, regs->r8,
					regs->r9);
	}
}

static void write_text(const char *text)
{
	dune_raw_syscall(SYS_write, 2, (long)text, strlen(text), 0, 0, 0);
}

/* The guest cannot go on. There is no way back into the program. */
static void give_up(const struct dune_run *run)
{
	const char *why = "the module does not know why";

	if (run->exit_reason == DUNE_EXIT_SHUTDOWN)
		why = "an exception could not be delivered";
	else if (run->exit_reason == DUNE_EXIT_INVALID_STATE)
		why = "the CPU refuses its state";
	write_text("dune: the virtual CPU stopped: ");
	write_text(why);
	write_text("\n");
	for (;;)
		dune_raw_syscall(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

/*
 * Runs outside, on a stack of its own, and makes the guest's system calls: so
 * they are, to the kernel, those of this thread and nothing else.
 *
 * Returns only if the guest could not be entered at all.
 */
int dune_host_loop(struct dune_thread *thread)
{
	struct dune_run *run = thread->run;
	bool entered = false;
	long ret;

	run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	for (;;) {
		ret = dune_raw_syscall(SYS_ioctl, thread->vcpu, DUNE_RUN, 0, 0,
				       0, 0);
		if (run->exit_reason == DUNE_EXIT_RESTART) {
			entered = true;
			/* it is the result of the guest's system call */
			run->exit_reason = DUNE_EXIT_NONE;
			run->regs.rax = ret;
			continue;
		}
		if (ret == -EINTR || (!ret && run->exit_reason == DUNE_EXIT_RESUME))
			continue;
		if (ret && !entered)
			return ret;
		entered = true;
		if (ret || run->exit_reason != DUNE_EXIT_SYSCALL)
			give_up(run);
		run->regs.rax = forward(&run->regs);
	}
}
