// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are not to be read (secret/), not to be written (readable/), or
 * not to be there (writable/hidden/, writable/parent/hidden/), by any name.
 */
#include "attack.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define NO	"EACCES EPERM"
#define MAGIC	"EACCES EPERM ENOENT ELOOP"

#define OPENS(name, fits, path, flags)					\
	static int do_##name(void)					\
	{								\
		return opens(path, flags);				\
	}								\
	ATTACK(name, OUTSIDE, fits)					\
	{								\
		return do_##name();					\
	}

OPENS(open_secret, NO, at("secret/file"), O_RDONLY)
OPENS(open_dotdot, NO, at("writable/../secret/file"), O_RDONLY)
OPENS(open_dotdot_deep, NO, at("writable/parent/../../secret/./file"), O_RDONLY)
OPENS(open_through_link, NO, at("writable/folder/../secret/file"), O_RDONLY)
OPENS(open_hidden, "ENOENT", at("writable/hidden/file"), O_RDONLY)
OPENS(open_readonly, NO, at("readable/file"), O_WRONLY)
OPENS(open_readonly_both, NO, at("readable/file"), O_RDWR)
OPENS(open_append, NO, at("readable/file"), O_WRONLY | O_APPEND)
/* for reading, they say */
OPENS(open_path_secret, NO, at("secret/file"), O_RDONLY | O_NONBLOCK)
OPENS(create_in_readonly, NO, at("readable/new"), O_CREAT | O_WRONLY)
OPENS(create_in_secret, NO, at("secret/new"), O_CREAT | O_WRONLY)
OPENS(unnamed_in_readonly, NO, at("readable"), O_TMPFILE | O_WRONLY)
OPENS(link_of_another, NO, at("writable/link"), O_RDONLY)
OPENS(link_of_a_folder, NO, at("writable/folder/file"), O_RDONLY)

/* The first one ends with 0 in ring 3's eyes if it is truncated by reading. */
ATTACK(open_truncate, OUTSIDE, NO)
{
	int fd = open(at("readable/file"), O_RDONLY | O_TRUNC);

	return result_of(fd);
}

/* A path with an own prefix. */
static int opens_by(const char *prefix, const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", prefix, at(name));
	return opens(path, flags);
}

static int opens_of_process(const char *format, pid_t pid)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), format, pid);
	return opens_by(prefix, "secret/file", O_RDONLY);
}

ATTACK(proc_root, OUTSIDE, MAGIC)
{
	return opens_by("/proc/self/root", "secret/file", O_RDONLY);
}

ATTACK(proc_thread_root, OUTSIDE, MAGIC)
{
	return opens_by("/proc/thread-self/root", "secret/file", O_RDONLY);
}

ATTACK(proc_task_root, OUTSIDE, MAGIC)
{
	return opens_of_process("/proc/self/task/%d/root", getpid());
}

ATTACK(proc_root_of_another, OUTSIDE, MAGIC)
{
	return opens_of_process("/proc/%d/root", known.victim);
}

ATTACK(proc_root_of_init, OUTSIDE, MAGIC)
{
	return if_possible(opens_of_process("/proc/%d/root", 1));
}

ATTACK(proc_root_write, OUTSIDE, MAGIC)
{
	return opens_by("/proc/self/root", "readable/file", O_WRONLY);
}

ATTACK(proc_cwd, OUTSIDE, MAGIC)
{
	if (chdir(at("writable")))
		return -errno;
	return opens("/proc/self/cwd/../secret/file", O_RDONLY);
}

ATTACK(working_folder, OUTSIDE, NO)
{
	if (chdir(at("writable")))
		return -errno;
	return opens("../secret/file", O_RDONLY);
}

ATTACK(change_to_secret, OUTSIDE, NO)
{
	return chdir(at("secret")) ? -errno : opens("file", O_RDONLY);
}

ATTACK(descriptor_dotdot, OUTSIDE, NO)
{
	int folder = open(at("writable"), O_RDONLY | O_DIRECTORY);

	if (folder < 0)
		return -errno;
	return has_secret(openat(folder, "../secret/file", O_RDONLY));
}

/* From where it could be seen only as a name. */
ATTACK(change_by_descriptor, OUTSIDE, NO)
{
	int folder = open(at("secret"), O_PATH | O_DIRECTORY);

	if (folder < 0 || fchdir(folder))
		return -errno;
	return opens("file", O_RDONLY);
}

static int reopens(int fd, const char *format, int flags)
{
	char path[64];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), format, fd);
	return opens(path, flags);
}

ATTACK(reopen_for_writing, OUTSIDE, MAGIC)
{
	return reopens(open(at("readable/file"), O_RDONLY), "/proc/self/fd/%d",
		       O_RDWR);
}

ATTACK(reopen_dev_fd, OUTSIDE, MAGIC)
{
	return reopens(open(at("readable/file"), O_RDONLY), "/dev/fd/%d",
		       O_WRONLY);
}

ATTACK(reopen_path, OUTSIDE, MAGIC)
{
	return reopens(open(at("readable/file"), O_PATH), "/proc/self/fd/%d",
		       O_WRONLY);
}

ATTACK(reopen_secret_path, OUTSIDE, MAGIC)
{
	return reopens(open(at("secret/file"), O_PATH), "/proc/self/fd/%d",
		       O_RDONLY);
}

/* By the descriptor of a folder, not by its name. */
ATTACK(reopen_folder_dotdot, OUTSIDE, MAGIC)
{
	return reopens(open(at("writable"), O_PATH),
		       "/proc/self/fd/%d/../secret/file", O_RDONLY);
}

ATTACK(own_symlink, OUTSIDE, NO)
{
	if (symlink(at("secret/file"), at("writable/own")))
		return -errno;
	return opens(at("writable/own"), O_RDONLY);
}

ATTACK(relative_symlink, OUTSIDE, NO)
{
	if (symlink("parent/../../secret", at("writable/own")))
		return -errno;
	return opens(at("writable/own/file"), O_RDONLY);
}

ATTACK(symlink_to_magic, OUTSIDE, MAGIC)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/self/root%s", at("secret/file"));
	if (symlink(path, at("writable/own")))
		return -errno;
	return opens(at("writable/own"), O_RDONLY);
}

/* One that is not there yet makes a file where it points to. */
ATTACK(create_through_symlink, OUTSIDE, NO)
{
	if (symlink(at("secret/new"), at("writable/own")))
		return -errno;
	return opens(at("writable/own"), O_CREAT | O_WRONLY);
}

ATTACK(hard_link, OUTSIDE, NO)
{
	if (link(at("secret/file"), at("writable/own")))
		return -errno;
	return opens(at("writable/own"), O_RDONLY);
}

ATTACK(hard_link_of_readonly, OUTSIDE, NO)
{
	if (link(at("readable/file"), at("writable/own")))
		return -errno;
	return opens(at("writable/own"), O_WRONLY);
}

static int links(int fd, const char *path, int flags)
{
	if (fd < 0 || linkat(fd, path, AT_FDCWD, at("writable/own"), flags))
		return -errno;
	return opens(at("writable/own"), O_WRONLY);
}

ATTACK(hard_link_of_descriptor, OUTSIDE, MAGIC " ENOSYS")
{
	return links(open(at("readable/file"), O_RDONLY), "", AT_EMPTY_PATH);
}

ATTACK(hard_link_by_magic, OUTSIDE, MAGIC)
{
	char path[64];
	int fd = open(at("readable/file"), O_RDONLY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return links(fd, path, AT_SYMLINK_FOLLOW);
}

static int renames(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) ? -errno : 0;
}

ATTACK(rename_hidden, OUTSIDE, "ENOENT")
{
	return renames(at("writable/hidden"), at("writable/seen"), 0) ?:
	       opens(at("writable/seen/file"), O_RDONLY);
}

/* It would have another name, of which no rule says anything. */
ATTACK(rename_parent, OUTSIDE, NO " EBUSY EXDEV")
{
	return renames(at("writable/parent"), at("writable/other"), 0) ?:
	       opens(at("writable/other/hidden/file"), O_RDONLY);
}

ATTACK(exchange_parent, OUTSIDE, NO " EBUSY EXDEV EINVAL")
{
	return renames(at("writable/parent"), at("writable/empty"),
		       RENAME_EXCHANGE) ?:
	       opens(at("writable/empty/hidden/file"), O_RDONLY);
}

ATTACK(rename_secret, OUTSIDE, NO)
{
	return renames(at("secret/file"), at("writable/own"), 0) ?:
	       opens(at("writable/own"), O_RDONLY);
}

ATTACK(rename_over, OUTSIDE, NO)
{
	return renames(at("writable/file"), at("readable/file"), 0) ?: SUCCEEDED;
}

ATTACK(rename_readonly, OUTSIDE, NO)
{
	return renames(at("readable/file"), at("writable/own"), 0) ?: SUCCEEDED;
}

/* While one stands in a folder it goes to where more is seen below. */
ATTACK(rename_below, OUTSIDE, NO " EXDEV EBUSY ENOENT")
{
	int folder = open(at("writable/parent"), O_RDONLY | O_DIRECTORY);

	if (folder < 0)
		return -errno;
	return renames(at("writable/parent"), at("writable/empty/in"), 0) ?:
	       has_secret(openat(folder, "hidden/file", O_RDONLY));
}

ATTACK(list_hidden, OUTSIDE, "HELD")
{
	DIR *folder = opendir(at("writable"));
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (!strcmp(entry->d_name, "hidden"))
			return SUCCEEDED;
	}
	return folder ? HELD : -errno;
}

ATTACK(list_secret, OUTSIDE, NO)
{
	return opendir(at("secret")) ? SUCCEEDED : -errno;
}

REFUSED(stat_secret, NO, SYS_stat, at("secret/file"), own_page)
REFUSED(stat_hidden, "ENOENT", SYS_stat, at("writable/hidden/file"), own_page)
REFUSED(statx_secret, NO, SYS_statx, AT_FDCWD, at("secret/file"), 0, 0xfff,
	own_page)
REFUSED(access_secret, NO, SYS_access, at("secret/file"), F_OK)
REFUSED(access_hidden, "ENOENT", SYS_access, at("writable/hidden"), F_OK)
REFUSED(chmod, NO, SYS_chmod, at("readable/file"), 0666)
REFUSED(chmod_at, NO, SYS_fchmodat, AT_FDCWD, at("readable/file"), 0666)
REFUSED(chown, NO, SYS_chown, at("readable/file"), 1, 1)
REFUSED(lchown, NO, SYS_lchown, at("readable/file"), 1, 1)
REFUSED(truncate, NO, SYS_truncate, at("readable/file"), 0)
REFUSED(utimes, NO, SYS_utimensat, AT_FDCWD, at("readable/file"), NULL, 0)
REFUSED(utime, NO " ENOSYS", SYS_utime, at("readable/file"), NULL)
REFUSED(unlink, NO, SYS_unlink, at("readable/file"))
REFUSED(unlink_hidden, "ENOENT", SYS_unlink, at("writable/hidden/file"))
REFUSED(mkdir, NO, SYS_mkdir, at("readable/new"), 0700)
REFUSED(mkdir_in_secret, NO " ENOENT", SYS_mkdir, at("secret/new"), 0700)
REFUSED(symlink_there, NO, SYS_symlink, "x", at("readable/new"))
REFUSED(set_attribute, NO " ENOSYS", SYS_setxattr, at("readable/file"),
	"trusted.dune", "1", 1, 0)
REFUSED(device_node, "EPERM EACCES", SYS_mknod, at("writable/node"),
	S_IFCHR | 0600, 0x103)
REFUSED(disk_node, "EPERM EACCES", SYS_mknodat, AT_FDCWD,
	at("writable/node"), S_IFBLK | 0600, 0x700)
REFUSED(watch_secret, NO " ENOSYS EBADF", SYS_inotify_add_watch, inotify_init(),
	at("secret"), IN_ALL_EVENTS)
REFUSED(chmod_by_descriptor, NO, SYS_fchmod,
	open(at("readable/file"), O_RDONLY), 0666)
REFUSED(chown_by_descriptor, NO, SYS_fchown,
	open(at("readable/file"), O_RDONLY), 1, 1)
REFUSED(chown_empty_path, NO " EBADF", SYS_fchownat,
	open(at("readable/file"), O_PATH), "", 1, 1, AT_EMPTY_PATH)
REFUSED(utimes_by_descriptor, NO, SYS_utimensat,
	open(at("readable/file"), O_RDONLY), NULL, NULL, 0)
REFUSED(attribute_by_descriptor, NO " ENOSYS", SYS_fsetxattr,
	open(at("readable/file"), O_RDONLY), "trusted.dune", "1", 1, 0)

/* By a number that a file has on its disk. */
ATTACK(handle, OUTSIDE, "EPERM ENOSYS EACCES")
{
	char memory[sizeof(struct file_handle) + MAX_HANDLE_SZ] = { 0 };
	struct file_handle *handle = (void *)memory;
	int folder = open(at("writable"), O_RDONLY), id, fd;

	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, at("secret/file"), handle, &id, 0))
		handle->handle_bytes = 12;
	fd = open_by_handle_at(folder, handle, O_RDONLY);
	/* not all file systems know such numbers */
	return if_possible(has_secret(fd));
}

static int names_socket(const char *name,
			int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	strncpy(address.sun_path, at(name), sizeof(address.sun_path) - 1);
	return result_of(call(fd, (void *)&address, sizeof(address)));
}

ATTACK(bind_in_secret, OUTSIDE, NO)
{
	return names_socket("secret/new", bind);
}

ATTACK(connect_in_secret, OUTSIDE, NO)
{
	return names_socket("secret/socket", connect);
}

ATTACK(connect_by_symlink, OUTSIDE, NO)
{
	if (symlink(at("secret/socket"), at("writable/own")))
		return -errno;
	return names_socket("writable/own", connect);
}

/* Files of the kernel's. What stands there is written again. */
#define KERNEL_FILE(name, path, flags)					\
	static int do_##name(void)					\
	{								\
		return if_possible(result_of(open(path, flags)));	\
	}								\
	ATTACK(name, OUTSIDE, MAGIC " EROFS")				\
	{								\
		return do_##name();					\
	}

static const char *of_process(const char *format, pid_t pid)
{
	static char path[64];

	snprintf(path, sizeof(path), format, pid);
	return path;
}

KERNEL_FILE(own_memory_file, "/proc/self/mem", O_RDWR)
KERNEL_FILE(own_memory_file_read, "/proc/thread-self/mem", O_RDONLY)
KERNEL_FILE(own_memory_by_number, of_process("/proc/%d/mem", getpid()), O_RDWR)
KERNEL_FILE(memory_of_parent, of_process("/proc/%d/mem", known.parent), O_RDWR)
KERNEL_FILE(memory_of_victim, of_process("/proc/%d/mem", known.victim), O_RDONLY)
KERNEL_FILE(environment_of_victim, of_process("/proc/%d/environ", known.victim),
	    O_RDONLY)
KERNEL_FILE(physical_pages, "/proc/self/pagemap", O_RDONLY)
KERNEL_FILE(core_pattern, "/proc/sys/kernel/core_pattern", O_WRONLY)
KERNEL_FILE(forget_pages, "/proc/self/clear_refs", O_WRONLY)
KERNEL_FILE(system_request, "/proc/sysrq-trigger", O_WRONLY)
KERNEL_FILE(kernel_log, "/dev/kmsg", O_WRONLY)
KERNEL_FILE(sys_file, "/sys/kernel/profiling", O_WRONLY)
KERNEL_FILE(passwords, "/etc/passwd", O_WRONLY)

/* Two names that change places while one of them is opened. */
static const char *changing[2];

static void exchange(void)
{
	renameat2(AT_FDCWD, changing[0], AT_FDCWD, changing[1],
		  RENAME_EXCHANGE);
}

static int open_changing(void)
{
	return opens(changing[0], O_RDONLY);
}

ATTACK(race_symlink, OUTSIDE, NO " HELD ENOENT")
{
	static char names[2][PATH_MAX];

	changing[0] = strcpy(names[0], at("writable/one"));
	changing[1] = strcpy(names[1], at("writable/two"));
	if (symlink(at("readable/file"), changing[0]) ||
	    symlink(at("secret/file"), changing[1]))
		return -errno;
	return flip_while(exchange, open_changing, 1500);
}

/* The same with a folder on the way. */
static int open_in_changing(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/file", changing[0]);
	return opens(path, O_RDONLY);
}

ATTACK(race_folder, OUTSIDE, NO " HELD ENOENT")
{
	static char names[2][PATH_MAX];

	changing[0] = strcpy(names[0], at("writable/empty"));
	changing[1] = strcpy(names[1], at("writable/two"));
	if (symlink(at("secret"), changing[1]))
		return -errno;
	return flip_while(exchange, open_in_changing, 1500);
}
