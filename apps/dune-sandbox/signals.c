// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Signals to processes of the sandbox. A process is held by a descriptor before
 * it is looked at, so that no other has its number when the signal goes.
 *
 * Which process a descriptor is of /proc tells, by its number while there is
 * one; and of what only looks like one, such as a folder of /proc, it does not.
 */
#include "handlers.h"

#include <errno.h>
#include <signal.h>

#define OTHERS		"a process of others"
#define PATH_SIZE	80
#define INFO_SIZE	1024

static int own_pid(void)
{
	return CALL1(SYS_getpid, 0);
}

/* What a file of /proc about a descriptor of this thread has as its path. */
static void info_path(char *path, char *end, long fd)
{
	path = text_put(path, end, "/proc/");
	path = text_put_number(path, end, own_pid(), 10);
	path = text_put(path, end, "/task/");
	path = text_put_number(path, end, CALL1(SYS_gettid, 0), 10);
	path = text_put(path, end, "/fdinfo/");
	text_put_number(path, end, fd, 10);
}

/* Another thread could put another file there, but none of that path. */
static long open_info(long fd)
{
	char path[PATH_SIZE], its[PATH_SIZE];
	long info;

	info_path(path, path + sizeof(path), fd);
	info = keep(CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0));
	if (info < 0)
		return info;
	if (!path_of(info, its, sizeof(its)) && text_equal(path, its))
		return info;
	CALL1(SYS_close, info);
	return -EPERM;
}

static int find_pid(const char *line)
{
	uint64_t number;

	for (; *line; line++) {
		if (text_after(line, "\nPid:\t")) {
			line = text_number(text_after(line, "\nPid:\t"),
					   &number);
			return line && number <= INT_MAX ? (int)number : 0;
		}
	}
	return 0;
}

/* The number of a process that is held; 0: it has none. */
static int pid_of(long fd)
{
	long info = open_info(fd), size;
	char text[INFO_SIZE];

	if (info < 0)
		return 0;
	size = CALL3(SYS_read, info, text, sizeof(text) - 1);
	CALL1(SYS_close, info);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	return find_pid(text);
}

/* Ours, at where ring 3 cannot put another; closes it if it is not. */
static long hold(const struct dune_frame *frame, long opened)
{
	long fd = opened < 0 ? opened : keep(opened);

	if (fd < 0 || is_ours(pid_of(fd)))
		return fd;
	CALL1(SYS_close, fd);
	return forbid(frame, EPERM, OTHERS);
}

static long signal_process(const struct dune_frame *frame, int pid, int signal,
			   const siginfo_t *info)
{
	long fd = hold(frame, CALL2(SYS_pidfd_open, pid, 0));
	long err;

	/* a thread that is no process, which the kernel can not tell */
	if (fd < 0)
		return fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
	err = CALL4(SYS_pidfd_send_signal, fd, signal, info, 0);
	CALL1(SYS_close, fd);
	return err;
}

long handle_kill(struct dune_frame *frame)
{
	int pid = argument(frame, 0), signal = argument(frame, 1);

	if (pid == own_pid())
		return forward(frame);
	if (pid > 0)
		return signal_process(frame, pid, signal, NULL);
	if (pid == -1)
		return forbid(frame, EPERM, "to signal all there is");
	/* it has no positive number */
	if (pid == INT_MIN)
		return -ESRCH;
	if (!is_our_group(pid ? -pid : CALL1(SYS_getpgid, 0)))
		return forbid(frame, EPERM, "a process group of others");
	return forward(frame);
}

/* That a thread is of this process is for the kernel to see. */
long handle_tkill(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;

	if ((int)argument(frame, 0) <= 0)
		return -EINVAL;
	changed.rax = SYS_tgkill;
	changed.rdi = own_pid();
	changed.rsi = argument(frame, 0);
	changed.rdx = argument(frame, 1);
	return forward_changed(frame, &changed);
}

long handle_tgkill(struct dune_frame *frame)
{
	int pid = argument(frame, 0), tid = argument(frame, 1);

	if (pid <= 0 || tid <= 0)
		return -EINVAL;
	if (pid == own_pid())
		return forward(frame);
	/* the kernel holds no thread of another process for long enough */
	return forbid(frame, EPERM, "a thread of another process");
}

long handle_sigqueue(struct dune_frame *frame)
{
	int pid = argument(frame, 0), signal = argument(frame, 1);
	siginfo_t info;
	long err;

	if (pid == own_pid())
		return forward(frame);
	err = copy_in(&info, argument(frame, 2), sizeof(info));
	if (err)
		return err;
	/* the kernel takes the number from the argument here, not there */
	info.si_signo = signal;
	return signal_process(frame, pid, signal, &info);
}

/*
 * One of another's may be there for a moment, or be sent by somebody; that is
 * why it is looked at when it is used.
 */
long handle_pidfd_open(struct dune_frame *frame)
{
	int pid = argument(frame, 0);

	if (pid <= 0)
		return -EINVAL;
	if (!is_ours(pid))
		return forbid(frame, ESRCH, OTHERS);
	return forward(frame);
}

long handle_pidfd_send_signal(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	long fd, ret;

	/* a thread or a process, but no group of others as well */
	if ((uint32_t)argument(frame, 3) > 2)
		return -EINVAL;
	fd = hold(frame, CALL3(SYS_fcntl, (int)argument(frame, 0),
			       F_DUPFD_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	changed.rdi = fd;
	ret = forward_changed(frame, &changed);
	CALL1(SYS_close, fd);
	return ret;
}
