// SPDX-License-Identifier: GPL-2.0-only
/* The supervisor's descriptors: its virtual CPUs, its policy, its log. */
#include "attack.h"

#include <linux/dune.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>

#define BAD	"EBADF EPERM EACCES"

/* A system call with a descriptor of the supervisor's, the variable target_fd. */
#define WITH_FD(name, fits, ...)					\
	static int call_##name(void)					\
	{								\
		return result_of(syscall(__VA_ARGS__));			\
	}								\
	ATTACK(name, WITHIN, fits)					\
	{								\
		return at_each_fd(call_##name);				\
	}

WITH_FD(fd_dup, BAD, SYS_dup, target_fd)
WITH_FD(fd_dup2, BAD, SYS_dup2, target_fd, 700)
WITH_FD(fd_dup2_over, BAD, SYS_dup2, zeroes(), target_fd)
WITH_FD(fd_dup3_over, BAD, SYS_dup3, zeroes(), target_fd, O_CLOEXEC)
WITH_FD(fd_fcntl_dup, BAD, SYS_fcntl, target_fd, F_DUPFD, 700)
WITH_FD(fd_flags, BAD, SYS_fcntl, target_fd, F_SETFD, 0)
WITH_FD(fd_owner, BAD, SYS_fcntl, target_fd, F_SETOWN, getpid())
WITH_FD(fd_status, BAD, SYS_fcntl, target_fd, F_GETFL)
WITH_FD(fd_close, BAD, SYS_close, target_fd)
WITH_FD(fd_stat, BAD, SYS_fstat, target_fd, own_page)
WITH_FD(fd_stat_empty, BAD, SYS_newfstatat, target_fd, "", own_page,
	AT_EMPTY_PATH)
/* an offset may make this fit or not: it is what a pipe or a device cannot */
WITH_FD(fd_read, BAD, SYS_pread64, target_fd, own_page, 1, 0)
WITH_FD(fd_mmap, BAD " ENODEV", SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED,
	target_fd, 0)
WITH_FD(fd_sendfile, BAD, SYS_sendfile, pipe_ends()[1], target_fd, NULL, 1)
WITH_FD(fd_ioctl, BAD, SYS_ioctl, target_fd, FIONREAD, own_page)
WITH_FD(fd_pidfd, BAD " ENOSYS ESRCH", SYS_pidfd_getfd,
	syscall(SYS_pidfd_open, getpid(), 0), target_fd, 0)

static int change(void)
{
	return result_of(fchmod(target_fd, 0666));
}

ATTACK(fd_chmod, OUTSIDE, BAD)
{
	return at_each_fd(change);
}

static int reopen(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", target_fd);
	return result_of(open(path, O_RDWR));
}

ATTACK(fd_reopen, WITHIN, "ENOENT EACCES EPERM")
{
	return at_each_fd(reopen);
}

static int reopen_by_dev(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/fd/%d", target_fd);
	return result_of(open(path, O_RDONLY));
}

ATTACK(fd_dev, WITHIN, "ENOENT EACCES EPERM")
{
	return at_each_fd(reopen_by_dev);
}

static int is_pollable(void)
{
	struct pollfd poll_fd = { .fd = target_fd, .events = POLLIN };

	if (poll(&poll_fd, 1, 0) < 0)
		return -errno;
	return poll_fd.revents & POLLNVAL ? -EBADF : SUCCEEDED;
}

ATTACK(fd_poll, WITHIN, BAD)
{
	return at_each_fd(is_pollable);
}

static int is_selectable(void)
{
	unsigned long bits[16384 / 64] = { 0 };
	struct timeval now = { 0 };

	if (target_fd >= 16384)
		return -EBADF;
	bits[target_fd / 64] |= 1UL << target_fd % 64;
	return result_of(syscall(SYS_select, target_fd + 1, bits, NULL, NULL,
				 &now));
}

ATTACK(fd_select, WITHIN, BAD " EINVAL")
{
	return at_each_fd(is_selectable);
}

/* Out of the sandbox, to itself at first. */
static int pass(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec data = { own_page, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -errno;
	memcpy(CMSG_DATA(&control.header), &target_fd, sizeof(int));
	return result_of(sendmsg(ends[0], &message, 0));
}

ATTACK(fd_pass, WITHIN, BAD " EINVAL")
{
	return at_each_fd(pass);
}

/* As the folder that a path begins in. */
static int use_as_folder(void)
{
	int fd = openat(target_fd, "..", O_PATH);

	return fd < 0 && errno != ENOTDIR ? -errno : SUCCEEDED;
}

ATTACK(fd_as_folder, WITHIN, BAD)
{
	return at_each_fd(use_as_folder);
}

static int still_there(void)
{
	return HELD;
}

/* All at once. Its own are to be closed; the stage sees that it lives on. */
ATTACK(fd_close_range, NOWHERE, "HELD EPERM ENOSYS")
{
	if (syscall(SYS_close_range, 3, ~0U, 0))
		return -errno;
	if (fcntl(3, F_GETFD) >= 0)
		return -EEXIST;
	return in_child(still_there);
}

/* A table of their own, of which the supervisor's threads know nothing. */
ATTACK(fd_unshare, NOWHERE, "HELD EPERM ENOSYS EINVAL")
{
	if (syscall(SYS_close_range, 3, ~0U, 2) || unshare(CLONE_FILES))
		return -errno;
	return getppid() == known.own_parent ? HELD : -ESRCH;
}

/* The last numbers that there can be, where libdune has its own. */
static int scan_fds(int (*is_there)(int fd))
{
	struct rlimit limit;
	int fd, last;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (fd = 3; fd < 2048; fd++) {
		if (is_there(fd))
			return SUCCEEDED;
	}
	last = limit.rlim_max < 1 << 20 ? (int)limit.rlim_max : 1 << 20;
	for (fd = last - 256; fd < last + 16; fd++) {
		if (is_there(fd))
			return SUCCEEDED;
	}
	return -EBADF;
}

/* It knows the requests of a virtual CPU, or those of the device. */
static int asks_dune(int fd)
{
	static const unsigned long requests[] = {
		DUNE_GET_INFO, DUNE_CREATE_VCPU, DUNE_GET_STATE, DUNE_SET_STATE,
		DUNE_GET_WINDOW, DUNE_GET_STATS, DUNE_FLUSH,
	};
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (!ioctl(fd, requests[i], NULL) || errno == EFAULT)
			return 1;
		if (errno == EBADF)
			return 0;
	}
	return 0;
}

ATTACK(dune_requests, OUTSIDE, BAD)
{
	return if_possible(scan_fds(asks_dune));
}

/* Its page of registers, or the memory with the policy. */
static int maps_shared(int fd)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	return page != MAP_FAILED;
}

ATTACK(map_any, WITHIN, BAD)
{
	return scan_fds(maps_shared);
}

/*
 * The registers of a thread that begins. The descriptor of its virtual CPU has
 * a low number until it is moved: a duplicate stays, and would map its page, if
 * only it could be mapped twice. Outside a file stands in for it.
 */
static int stolen;

static void keep_what_is_there(void)
{
	int fd = -1, i;

	for (i = 0; i < 100 && fd < 0 && !stolen; i++)
		fd = fcntl(3, F_DUPFD, 100);
	if (fd >= 0)
		__atomic_store_n(&stolen, fd, __ATOMIC_RELAXED);
}

/* It has had all that it needs when the kernel refuses it. */
static void begin_one(void)
{
	static char stack[PAGE];

	if (known.bare)
		close(open(at("secret/file"), O_RDWR));
	else
		syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_FILES,
			stack + PAGE, 0, 0, 0);
}

static int map_stolen(void)
{
	int fd, result = SUCCEEDED;

	begin_one();
	fd = __atomic_load_n(&stolen, __ATOMIC_RELAXED);
	if (!fd)
		return HELD;
	if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	    MAP_FAILED)
		result = -errno;
	close(fd);
	__atomic_store_n(&stolen, 0, __ATOMIC_RELAXED);
	return result;
}

ATTACK(registers_of_new_thread, WITHIN, "HELD EBUSY")
{
	close(3);
	return flip_while(keep_what_is_there, map_stolen, 1500);
}

ATTACK(dune_device, OUTSIDE, "ENOENT EACCES EPERM")
{
	return if_possible(result_of(open("/dev/dune", O_RDWR)));
}
