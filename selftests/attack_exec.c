// SPDX-License-Identifier: GPL-2.0-only
/* Programs that may not be executed, and those that might bring more. */
#include "attack.h"

#define NO	"EACCES EPERM"

/* It is the same one as this, at another place: then it ends with SUCCEEDED. */
static char *const arguments[] = { "program", "--escaped", NULL };

static int executes(const char *path)
{
	execv(path, arguments);
	return -errno;
}

ATTACK(exec_secret, OUTSIDE, NO)
{
	return executes(at("secret/program"));
}

ATTACK(exec_readable, OUTSIDE, NO)
{
	return executes(at("readable/program"));
}

ATTACK(exec_written, OUTSIDE, NO)
{
	return executes(at("writable/program"));
}

ATTACK(exec_hidden, OUTSIDE, "ENOENT")
{
	return executes(at("writable/hidden/program"));
}

ATTACK(exec_dotdot, OUTSIDE, NO)
{
	return executes(at("programs/../secret/program"));
}

ATTACK(exec_symlink, OUTSIDE, NO)
{
	return executes(at("programs/link"));
}

ATTACK(exec_script, OUTSIDE, NO)
{
	return executes(at("programs/script"));
}

/* The interpreter of an interpreter. */
ATTACK(exec_script_of_script, OUTSIDE, NO)
{
	return executes(at("programs/second"));
}

ATTACK(exec_loader, OUTSIDE, NO " ELIBACC ELIBBAD ENOEXEC")
{
	return executes(at("programs/loaded"));
}

/* The loader is allowed; what it is to load is not. */
ATTACK(exec_by_loader, OUTSIDE, NO " HELD")
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl("/lib64/ld-linux-x86-64.so.2", "ld.so",
		      at("secret/program"), "--escaped", NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : HELD;
}

static int copy_to(int to)
{
	static char data[65536];
	int from = open("/proc/self/exe", O_RDONLY);
	ssize_t count;

	if (to < 0 || from < 0)
		return -errno;
	while ((count = read(from, data, sizeof(data))) > 0) {
		if (write(to, data, count) != count)
			return -errno;
	}
	close(from);
	return count;
}

ATTACK(exec_memory, OUTSIDE, NO " ENOSYS ENOENT")
{
	int fd = memfd_create("program", 0);

	if (copy_to(fd))
		return -errno;
	fexecve(fd, arguments, environ);
	return -errno;
}

static int executes_fd(int fd)
{
	if (fd < 0)
		return -errno;
	syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
	return -errno;
}

ATTACK(exec_descriptor, OUTSIDE, NO)
{
	return executes_fd(open(at("readable/program"), O_RDONLY));
}

ATTACK(exec_path_descriptor, OUTSIDE, NO)
{
	return executes_fd(open(at("secret/program"), O_PATH));
}

ATTACK(exec_proc_fd, OUTSIDE, NO " ENOENT ELOOP")
{
	char path[64];
	int fd = open(at("readable/program"), O_RDONLY);

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return executes(path);
}

ATTACK(exec_own_copy, OUTSIDE, NO)
{
	int fd = open(at("writable/own"), O_CREAT | O_WRONLY, 0700);

	if (copy_to(fd))
		return -errno;
	close(fd);
	return executes(at("writable/own"));
}

ATTACK(exec_in_folder, OUTSIDE, NO)
{
	int folder = open(at("programs"), O_RDONLY | O_DIRECTORY);

	syscall(SYS_execveat, folder, "../secret/program", arguments, environ, 0);
	return -errno;
}

/* A file that may only be read, mapped as code. To read it is to have it. */
ATTACK(exec_mapping, NOWHERE, "HELD EACCES EPERM")
{
	int fd = open(at("readable/program"), O_RDONLY);
	void *code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	return code == MAP_FAILED ? -errno : HELD;
}

/* The user is not root, and is to become it. */
ATTACK_AS(exec_setuid, OUTSIDE, "EACCES EPERM HELD", true)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl(at("programs/setuid"), "setuid", "--root", NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : HELD;
}

/* What it executes is in the sandbox again. */
ATTACK(exec_itself, OUTSIDE, "HELD")
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl("/proc/self/exe", "sandbox_attack", "open_secret", at(""),
		      "--alone", NULL);
		execl(at("programs/program"), "sandbox_attack", "open_secret",
		      at(""), "--alone", NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : HELD;
}

/* LD_PRELOAD and the like get nothing that was not there for ring 3. */
ATTACK(exec_with_preload, OUTSIDE, "HELD")
{
	pid_t pid = fork();
	int status;

	setenv("LD_PRELOAD", "libdune.so", 1);
	setenv("LD_LIBRARY_PATH", at("writable"), 1);
	if (!pid) {
		execl(at("programs/program"), "sandbox_attack", "open_secret",
		      at(""), "--alone", NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : HELD;
}
