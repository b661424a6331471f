// SPDX-License-Identifier: GPL-2.0-only
/* Calls that change what other calls do, or what the CPU does. */
#include "attack.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <ucontext.h>

#define NO	"EPERM EINVAL ENOSYS EACCES"

/* The supervisor's own calls would be answered: that all went well. */
static struct sock_filter says_zero[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static const struct sock_fprog filter = {
	.len = sizeof(says_zero) / sizeof(*says_zero), .filter = says_zero,
};

REFUSED(filter, NO, SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)
REFUSED(filter_all_threads, NO, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	SECCOMP_FILTER_FLAG_TSYNC, &filter)
REFUSED(filter_listener, NO, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter)
REFUSED(filter_by_prctl, NO, SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
	&filter, 0, 0)

static int be_strict(void)
{
	long result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);

	if (!result)
		syscall(SYS_exit, SUCCEEDED);
	return -errno;
}

ATTACK(filter_strict, OUTSIDE, NO)
{
	return in_child(be_strict);
}

static char selector;

/* PR_SET_SYSCALL_USER_DISPATCH, on; where it allows all. */
REFUSED(user_dispatch, NO, SYS_prctl, 59, 1, 0, 0, &selector)

/* Where /proc finds the arguments. */
ATTACK(memory_map, OUTSIDE, NO)
{
	return if_possible(result_of(prctl(PR_SET_MM, PR_SET_MM_ARG_START,
					   own_page, 0, 0)));
}

REFUSED(personality, NO, SYS_personality, READ_IMPLIES_EXEC)
REFUSED(local_descriptors, NO, SYS_modify_ldt, 1,
	(&(struct user_desc){ .entry_number = 1, .limit = 0xfffff,
			      .seg_32bit = 1, .contents = 2,
			      .limit_in_pages = 1 }),
	sizeof(struct user_desc))
REFUSED(read_local_descriptors, NO, SYS_modify_ldt, 0, own_page, 64)

/* CPUID can be made to fault, also that of the supervisor. */
ATTACK(cpuid_faults, OUTSIDE, NO " ENODEV")
{
	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
		return if_possible(-errno);
	syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
	return SUCCEEDED;
}

/* Where thread-local storage is to be. */
static int set_fs(void)
{
	uint64_t before;
	long result;

	asm volatile("rdfsbase %0" : "=r" (before));
	asm volatile("syscall" : "=a" (result)
		     : "a" (SYS_arch_prctl), "D" (ARCH_SET_FS), "S" (target)
		     : "rcx", "r11", "memory");
	if (!result)
		asm volatile("mov %%fs:0, %%al; wrfsbase %0"
			     :: "r" (before) : "rax");
	return result ? (int)result : SUCCEEDED;
}

static int set_fs_in_child(void)
{
	return in_child(set_fs);
}

ON_MEMORY(set_fs, NO " EFAULT SIGSEGV", set_fs_in_child)

static int set_gs(void)
{
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, target))
		return -errno;
	asm volatile("mov %%gs:0, %%al" ::: "rax");
	return SUCCEEDED;
}

ON_MEMORY(set_gs, NO " EFAULT SIGSEGV", set_gs)

/* An address that is none. */
ATTACK(set_fs_wild, NOWHERE, "EPERM EINVAL EFAULT")
{
	return result_of(syscall(SYS_arch_prctl, ARCH_SET_FS,
				 0x8000000000000000));
}

/* ARCH_MAP_VDSO_64: there it can be called, wherever that is. */
static int map_vdso(void)
{
	long result = syscall(SYS_arch_prctl, 0x2003, target);

	return result < 0 ? -errno : SUCCEEDED;
}

/* the kernel maps it elsewhere, or says that there is one */
ATTACK(map_vdso, UNTRIED, NO " EEXIST EFAULT")
{
	return at_each_target(map_vdso);
}

/* The time-stamp counter, of which the supervisor may make use. */
ATTACK(time_stamp_faults, NOWHERE, NO " HELD SIGSEGV")
{
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0))
		return -errno;
	if (getppid() != known.own_parent)
		return -ESRCH;
	return prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0) ? -errno : HELD;
}

/* Numbers that there are not, or that are for other ABIs. */
ATTACK(numbers, NOWHERE, "HELD")
{
	static const long numbers[] = {
		-1, -2, 512, 513, 547, 548, 1023, 4096, 0x7fffffff, 0x80000000,
		0xffffffff, 0x8000000000000000, 0x7fffffffffffffff,
	};
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (syscall(numbers[i], -1, -1, -1, -1, -1, -1) != -1)
			return SUCCEEDED;
	}
	return HELD;
}

/* The kernel looks at the lower half of the number alone. */
ATTACK(number_with_upper_half, OUTSIDE, NO)
{
	long result;

	asm volatile("syscall" : "=a" (result)
		     : "a" (SYS_open | 1UL << 32), "D" (at("secret/file")),
		       "S" (O_RDONLY)
		     : "rcx", "r11", "memory");
	if (result < 0)
		return (int)result;
	return has_secret(result);
}

/* x32: the same calls, by other numbers. */
ATTACK(number_of_x32, OUTSIDE, NO)
{
	int fd = syscall(SYS_open | 0x40000000, at("secret/file"), O_RDONLY);

	/* Debian's kernel has to be told to have them (syscall.x32=y) */
	return if_possible(has_secret(fd));
}

/* The vDSO is not all that there is to call. This one is at a fixed address. */
static int vsyscall_time(void)
{
	long (*call)(long *) = (void *)0xffffffffff600400;

	return call((long *)target) > 0 ? SUCCEEDED : HELD;
}

ATTACK(vsyscall, OUTSIDE, "SIGSEGV HELD")
{
	return if_possible(at_each_target(vsyscall_time));
}

/* Frames that no signal has made. */

static uint64_t forged_rip, forged_flags, forged_selectors, forged_stack;

static void forge(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (forged_rip)
		regs[REG_RIP] = forged_rip;
	if (forged_stack)
		regs[REG_RSP] = forged_stack;
	if (forged_selectors)
		regs[REG_CSGSFS] = forged_selectors;
	regs[REG_EFL] |= forged_flags;
}

static void send_forged(void)
{
	const struct sigaction action = {
		.sa_sigaction = forge, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static unsigned int ring(void)
{
	unsigned int cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

static int return_to_ring0(void)
{
	send_forged();
	return ring() ? HELD : SUCCEEDED;
}

/* Outside the kernel sets the ring; in ring 0 it is where one comes from. */
ATTACK(frame_of_ring0, RING0, "HELD SIGSEGV EPERM")
{
	uint16_t selector;
	int result = HELD;

	for (selector = 8; selector < 0x80 && result != SUCCEEDED; selector += 8) {
		forged_selectors = selector;
		result = in_child(return_to_ring0);
	}
	return result;
}

static void arrive(void)
{
	_exit(SUCCEEDED);
}

/* What stands in returns to where its stack says. */
static int run_there(void)
{
	static uint64_t stack[512];

	stack[256] = (uint64_t)arrive;
	forged_stack = (uint64_t)&stack[256];
	forged_rip = target;
	send_forged();
	return HELD;
}

static int return_there(void)
{
	return in_child(run_there);
}

ON_MEMORY(frame_in_supervisor, "SIGSEGV SIGBUS", return_there)

#define FLAGS_IOPL	(3UL << 12)

static int clear_interrupts(void)
{
	send_forged();
	asm volatile("cli; sti");
	return SUCCEEDED;
}

ATTACK(frame_with_iopl, RING0, "SIGSEGV")
{
	forged_flags = FLAGS_IOPL;
	return clear_interrupts();
}

static int use_wild_frame(void)
{
	send_forged();
	return HELD;
}

ATTACK(frame_with_wild_rip, NOWHERE, "SIGSEGV SIGBUS")
{
	forged_rip = 0x8000000000001000;
	return in_child(use_wild_frame);
}

ATTACK(frame_with_kernel_rip, NOWHERE, "SIGSEGV SIGBUS")
{
	forged_rip = 0xffffffff81000000;
	return in_child(use_wild_frame);
}

ATTACK(frame_with_wild_stack, NOWHERE, "SIGSEGV SIGBUS")
{
	forged_stack = 0x8000000000001000;
	return in_child(use_wild_frame);
}

ATTACK(frame_with_odd_flags, NOWHERE, "SIGSEGV SIGTRAP HELD SIGBUS")
{
	/* TF, NT, RF, VM, AC, VIF, VIP, ID */
	forged_flags = 0x3f4100;
	return in_child(use_wild_frame);
}

/* A stack with anything on it, taken for a frame. */
static int return_from_nothing(void)
{
	asm volatile("mov %0, %%rsp; mov %1, %%eax; syscall"
		     :: "r" (target), "i" (SYS_rt_sigreturn)
		     : "rax", "rcx", "r11", "memory");
	return SUCCEEDED;
}

static int return_from_there(void)
{
	return in_child(return_from_nothing);
}

/* outside it is read, and means nothing; what counts is how it ends */
ATTACK(frame_read_in_supervisor, NOWHERE, "SIGSEGV")
{
	return at_each_target(return_from_there);
}

static int return_from_rubbish(void)
{
	memset(own_page, 0x5a, PAGE);
	target = (uint64_t)own_page;
	return return_from_nothing();
}

ATTACK(frame_of_rubbish, NOWHERE, "SIGSEGV")
{
	return in_child(return_from_rubbish);
}

/* The extended state has a size and a format, and may lie anywhere. */
static void forge_state(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.fpregs = (void *)target;
}

static int state_from_there(void)
{
	const struct sigaction action = {
		.sa_sigaction = forge_state, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	return SUCCEEDED;
}

static int state_in_child(void)
{
	return in_child(state_from_there);
}

ON_MEMORY(frame_with_state, "SIGSEGV SIGBUS", state_in_child)
