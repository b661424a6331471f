// SPDX-License-Identifier: GPL-2.0-only
/* Processes outside, and more of everything than the sandbox is to have. */
#include "attack.h"

#include <linux/kcmp.h>
#include <linux/prctl.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <termios.h>

#define NO	"EPERM EACCES ESRCH ENOSYS"

static int victim_fd(void)
{
	return syscall(SYS_pidfd_open, known.victim, 0);
}

#define VICTIM	known.victim

REFUSED(kill_victim, NO, SYS_kill, VICTIM, SIGUSR1)
REFUSED(kill_probe, NO, SYS_kill, VICTIM, 0)
REFUSED(kill_hard, NO, SYS_kill, VICTIM, SIGKILL)
REFUSED(kill_parent, NO, SYS_kill, known.parent, SIGUSR1)
REFUSED(kill_init, NO, SYS_kill, 1, 0)
/* without a signal: this is run outside as well */
REFUSED(kill_all, NO, SYS_kill, -1, 0)
REFUSED(kill_thread, NO, SYS_tkill, VICTIM, SIGUSR1)
REFUSED(kill_thread_of, NO, SYS_tgkill, VICTIM, VICTIM, SIGUSR1)
REFUSED(kill_group_of, NO, SYS_kill, -VICTIM, SIGCONT)
REFUSED(queue_signal, NO, SYS_rt_sigqueueinfo, VICTIM, SIGUSR1,
	&(siginfo_t){ .si_code = SI_QUEUE })
REFUSED(open_process, NO, SYS_pidfd_open, VICTIM, 0)
REFUSED(signal_process, NO " EBADF", SYS_pidfd_send_signal, victim_fd(), SIGUSR1,
	NULL, 0)
REFUSED(take_descriptor, NO " EBADF", SYS_pidfd_getfd, victim_fd(), 0, 0)
REFUSED(signal_owner, NO " EINVAL", SYS_fcntl, pipe_ends()[0], F_SETOWN, VICTIM)
REFUSED(signal_owner_ex, NO " EINVAL", SYS_fcntl, pipe_ends()[0], F_SETOWN_EX,
	((int[]){ F_OWNER_PID, VICTIM }))
REFUSED(signal_owner_ioctl, NO " EINVAL ENOTTY EBADF", SYS_ioctl,
	socket(AF_UNIX, SOCK_STREAM, 0), FIOSETOWN, &VICTIM)
REFUSED(trace, NO, SYS_ptrace, PTRACE_ATTACH, VICTIM, 0, 0)
REFUSED(seize, NO, SYS_ptrace, PTRACE_SEIZE, VICTIM, 0, 0)
REFUSED(read_process, NO, SYS_process_vm_readv, VICTIM,
	(&(struct iovec){ own_page, 8 }), 1,
	(&(struct iovec){ (void *)VICTIM_MEMORY, 8 }), 1, 0)
REFUSED(write_process, NO, SYS_process_vm_writev, VICTIM,
	(&(struct iovec){ own_page, 8 }), 1,
	(&(struct iovec){ (void *)VICTIM_MEMORY, 8 }), 1, 0)
REFUSED(write_parent, NO, SYS_process_vm_writev, known.parent,
	(&(struct iovec){ own_page, 8 }), 1,
	(&(struct iovec){ (void *)VICTIM_MEMORY, 8 }), 1, 0)
REFUSED(priority, NO, SYS_setpriority, PRIO_PROCESS, VICTIM, 5)
REFUSED(io_priority, NO, SYS_ioprio_set, 1, VICTIM, 2 << 13)
REFUSED(affinity_of_victim, NO, SYS_sched_setaffinity, VICTIM, 8,
	(&(long){ 1 }))
REFUSED(scheduler, NO, SYS_sched_setscheduler, VICTIM, SCHED_BATCH,
	(&(int){ 0 }))
REFUSED(limits, NO, SYS_prlimit64, VICTIM, RLIMIT_CORE,
	(&(struct rlimit){ 0 }), NULL)
REFUSED(robust_list_of_victim, NO, SYS_get_robust_list, VICTIM, own_page,
	own_page + 8)
REFUSED(compare_processes, NO, SYS_kcmp, VICTIM, known.parent, KCMP_VM, 0, 0)
REFUSED(move_memory, NO, SYS_move_pages, VICTIM, 1, (&(long){ VICTIM_MEMORY }),
	NULL, own_page, 0)

static int ask_to_be_traced(void)
{
	return result_of(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

ATTACK(trace_me, OUTSIDE, "EPERM ENOSYS EACCES")
{
	return in_child(ask_to_be_traced);
}

/* A child of the same sandbox, which has a supervisor too. */
static int trace_child(void)
{
	pid_t pid = fork();
	long result;

	if (!pid) {
		pause();
		_exit(0);
	}
	result = ptrace(PTRACE_SEIZE, pid, 0, 0);
	if (result < 0)
		result = -errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return result < 0 ? (int)result : SUCCEEDED;
}

ATTACK(trace_own_child, OUTSIDE, "EPERM ENOSYS EACCES")
{
	return trace_child();
}

/* It is in the victim's group: the stage sees what comes of it. */
ATTACK(kill_own_group, OUTSIDE, "HELD EPERM ESRCH")
{
	signal(SIGUSR1, SIG_IGN);
	return kill(0, SIGUSR1) ? -errno : HELD;
}

ATTACK(priority_of_group, OUTSIDE, "HELD EPERM EACCES ESRCH")
{
	return setpriority(PRIO_PGRP, getpgid(0), 3) ? -errno : HELD;
}

ATTACK(priority_of_user, OUTSIDE, "HELD EPERM EACCES ESRCH")
{
	int now = getpriority(PRIO_PROCESS, known.victim);

	return setpriority(PRIO_USER, 0, now) ? -errno : SUCCEEDED;
}

/* Made by the kernel, in whatever it is told to. */
static int makes(unsigned long flags)
{
	pid_t pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0);
	return SUCCEEDED;
}

#define CLONE_ATTACK(name, flags)					\
	static int do_##name(void)					\
	{								\
		return makes(flags);					\
	}								\
	ATTACK(name, OUTSIDE, "EPERM EINVAL EACCES ENOSYS")		\
	{								\
		return do_##name();					\
	}

CLONE_ATTACK(clone_user, CLONE_NEWUSER)
CLONE_ATTACK(clone_mounts, CLONE_NEWNS)
CLONE_ATTACK(clone_processes, CLONE_NEWPID)
CLONE_ATTACK(clone_network, CLONE_NEWNET)
CLONE_ATTACK(clone_all, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
	     CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)
CLONE_ATTACK(clone_sibling, CLONE_PARENT)

/* struct clone_args, with a PID that it is to have. */
static int make_with_pid(void)
{
	pid_t wanted = 32001, pid;
	uint64_t args[11] = {
		[4] = SIGCHLD, [8] = (uint64_t)&wanted, [9] = 1,
	};

	pid = syscall(SYS_clone3, args, sizeof(args));
	if (!pid)
		_exit(0);
	if (pid < 0 && errno != EEXIST)
		return -errno;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return SUCCEEDED;
}

ATTACK(clone_with_pid, OUTSIDE, "EPERM EINVAL EACCES ENOSYS E2BIG")
{
	return make_with_pid();
}

static int make_in_namespace(void)
{
	pid_t pid;
	uint64_t args[11] = { [0] = CLONE_NEWUSER, [4] = SIGCHLD };

	pid = syscall(SYS_clone3, args, sizeof(args));
	if (!pid)
		_exit(0);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0);
	return SUCCEEDED;
}

ATTACK(clone3_user, OUTSIDE, "EPERM EINVAL EACCES ENOSYS")
{
	return make_in_namespace();
}

REFUSED(unshare_user, "EPERM EINVAL ENOSYS", SYS_unshare, CLONE_NEWUSER)
REFUSED(unshare_mounts, "EPERM EINVAL ENOSYS", SYS_unshare, CLONE_NEWNS)
REFUSED(unshare_network, "EPERM EINVAL ENOSYS", SYS_unshare, CLONE_NEWNET)
REFUSED(enter_namespace, NO " EBADF", SYS_setns, victim_fd(), CLONE_NEWUTS)

ATTACK(enter_namespace_file, OUTSIDE, NO " ENOENT EBADF")
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/uts", known.victim);
	fd = open(path, O_RDONLY);
	return fd < 0 || setns(fd, 0) ? -errno : SUCCEEDED;
}

/* Memory that processes share by a number. */
ATTACK(shared_memory, OUTSIDE, NO " ENOENT")
{
	int id = shmget(VICTIM_KEY, PAGE, 0);
	void *memory;

	if (id < 0)
		return -errno;
	memory = shmat(id, NULL, 0);
	return memory == (void *)-1 ? -errno : SUCCEEDED;
}

/* Standard error is a terminal: what is typed there someone else reads. */
ATTACK(type_ahead, OUTSIDE, "EPERM EACCES ENOTTY EIO EBADF")
{
	return result_of(ioctl(2, TIOCSTI, "x"));
}

#define TIOCL_PASTE	3

ATTACK(paste, UNTRIED, "EPERM EACCES ENOTTY EINVAL")
{
	char what = TIOCL_PASTE;

	return result_of(ioctl(2, TIOCLINUX, &what));
}

ATTACK(take_terminal, UNTRIED, "EPERM EACCES ENOTTY EIO")
{
	return result_of(ioctl(2, TIOCSCTTY, 1));
}

/* More processes than 20, the runner's limit. It is not without one itself. */
#define MANY	48

static int fork_many(void)
{
	pid_t pids[MANY];
	int count, i, err = 0;

	for (count = 0; count < MANY; count++) {
		pids[count] = fork();
		if (!pids[count]) {
			pause();
			_exit(0);
		}
		if (pids[count] < 0)
			break;
	}
	if (count < MANY)
		err = errno;
	for (i = 0; i < count; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return err ? -err : SUCCEEDED;
}

ATTACK(many_processes, OUTSIDE, "EAGAIN EPERM")
{
	return fork_many();
}

static int ending;

static void *stay(void *unused)
{
	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED))
		usleep(10000);
	return NULL;
}

ATTACK(many_threads, OUTSIDE, "EAGAIN EPERM")
{
	pthread_t threads[MANY];
	int count, i, err = 0;

	for (count = 0; count < MANY && !err; count++)
		err = pthread_create(&threads[count], NULL, stay, NULL);
	__atomic_store_n(&ending, 1, __ATOMIC_RELAXED);
	for (i = 0; i < count - !!err; i++)
		pthread_join(threads[i], NULL);
	return err ? -err : SUCCEEDED;
}

/* The limit is for all; a child of a child counts as well. */
static int fork_down(int depth)
{
	int status;
	pid_t pid;

	if (!depth)
		return SUCCEEDED;
	pid = fork();
	if (pid < 0)
		return errno;
	if (!pid)
		_exit(fork_down(depth - 1));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

ATTACK(many_generations, OUTSIDE, "EAGAIN EPERM")
{
	int result = fork_down(MANY);

	return result == SUCCEEDED ? SUCCEEDED : -result;
}

/* More memory than 256 MiB, the runner's limit. */
static int map_much(void)
{
	int i;

	for (i = 0; i < 8; i++) {
		if (mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
			return -errno;
	}
	return SUCCEEDED;
}

ATTACK(much_memory, OUTSIDE, "ENOMEM")
{
	return map_much();
}

static int set_limit(int which, rlim_t value)
{
	struct rlimit limit = { value, value };

	return setrlimit(which, &limit) ? -errno : 0;
}

ATTACK(much_memory_by_limit, OUTSIDE, "ENOMEM EPERM EACCES")
{
	return set_limit(RLIMIT_AS, RLIM_INFINITY) ?: map_much();
}

ATTACK(much_memory_by_break, OUTSIDE, "ENOMEM EPERM")
{
	return sbrk(512 << 20) == (void *)-1 ? -errno : SUCCEEDED;
}

ATTACK(much_memory_by_growth, OUTSIDE, "ENOMEM EPERM")
{
	void *more = mremap(own_page, PAGE, 512 << 20, MREMAP_MAYMOVE);

	return more == MAP_FAILED ? -errno : SUCCEEDED;
}

ATTACK(many_processes_by_limit, OUTSIDE, "EAGAIN EPERM EACCES")
{
	return if_possible(set_limit(RLIMIT_NPROC, RLIM_INFINITY) ?:
			   fork_many());
}

/* The supervisor needs some of its own; it is to live on without any. */
ATTACK(all_descriptors, NOWHERE, "HELD")
{
	set_limit(RLIMIT_NOFILE, 4096);
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	if (open(at("secret/file"), O_RDONLY) >= 0)
		return SUCCEEDED;
	return getppid() == known.own_parent ? HELD : -ESRCH;
}

/* What the whole machine has. */
REFUSED(host_name, "EPERM ENOSYS", SYS_sethostname, "dune", 4)
REFUSED(restart, "EPERM ENOSYS", SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, 0)
REFUSED(read_kernel_log, "EPERM ENOSYS", SYS_syslog, 3, own_page, 64)
/* a counter of software's, and an array of one number */
static uint32_t counter[32] = { 1, 128 };
static uint32_t array[32] = { 2, 4, 4, 1 };

REFUSED(performance_events, "EPERM ENOSYS EACCES", SYS_perf_event_open,
	counter, 0, -1, -1, 0)
REFUSED(bpf, "EPERM ENOSYS", SYS_bpf, 0, array, 128)
REFUSED(watch_all, "EPERM ENOSYS", SYS_fanotify_init, 0, 0)
REFUSED(add_key, "EPERM ENOSYS EACCES", SYS_add_key, "user", "dune", "x", 1, -2)
REFUSED(key_ring, "EPERM ENOSYS EACCES", SYS_keyctl, 0, -2, 1)

ATTACK(ports, OUTSIDE, "EPERM ENOSYS")
{
	return if_possible(result_of(ioperm(0x80, 1, 1)));
}

ATTACK(all_ports, OUTSIDE, "EPERM ENOSYS")
{
	return if_possible(result_of(iopl(3)));
}

ATTACK(load_module, OUTSIDE, "EPERM ENOSYS")
{
	syscall(SYS_init_module, own_page, PAGE, "");
	/* it has looked, and this is none */
	return if_possible(errno == ENOEXEC ? SUCCEEDED : -errno);
}

/* Mounts, in a namespace of the stage's own. */
REFUSED(change_root, "EPERM ENOSYS EACCES", SYS_chroot, at("writable"))
REFUSED(mount, "EPERM ENOSYS EACCES", SYS_mount, "none", at("writable"), "tmpfs",
	0, NULL)
REFUSED(bind_mount, "EPERM ENOSYS EACCES", SYS_mount, at("secret"),
	at("writable/empty"), NULL, 4096, NULL)
REFUSED(open_file_system, "EPERM ENOSYS EACCES", SYS_fsopen, "tmpfs", 0)
REFUSED(copy_tree, "EPERM ENOSYS EACCES", SYS_open_tree, AT_FDCWD, at("secret"), 1)

ATTACK(unmount, OUTSIDE, "EPERM ENOSYS EACCES")
{
	syscall(SYS_umount2, at("writable"), 0);
	/* it has looked, and there is no mount */
	return errno == EINVAL ? SUCCEEDED : -errno;
}

ATTACK(exchange_root, OUTSIDE, "EPERM ENOSYS EACCES")
{
	syscall(SYS_pivot_root, at("writable"), at("writable/empty"));
	return errno == EINVAL || errno == EBUSY ? SUCCEEDED : -errno;
}

ATTACK(fall_back_to_root, OUTSIDE, "EPERM ENOSYS EACCES")
{
	if (chroot(at("writable")) || chdir("../../../.."))
		return -errno;
	return SUCCEEDED;
}
