// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which file ring 3 means. A name is looked up once, by the kernel, and what it
 * leads to is held by a descriptor (O_PATH); the kernel's own path of that is
 * what the policy is asked about, and what is held is what the call is made on.
 * So links, "..", and names that change meanwhile are of no use.
 *
 * Links of /proc to what a process has open lead past all paths: the kernel is
 * told not to follow them (RESOLVE_NO_MAGICLINKS), and those to ring 3's own
 * descriptors are followed here.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#define LINKS	40	/* as many as the kernel follows */

/* Set for good when others may use the process's descriptors as well. */
bool descriptors_are_shared;

/* "/proc/thread-self/fd/N": whatever it is, it is followed */
void descriptor_path(char *path, long fd)
{
	char *end = path + DESCRIPTOR_PATH;

	text_put_number(text_put(path, end, "/proc/thread-self/fd/"), end, fd,
			10);
}

bool is_symlink(long fd)
{
	struct stat stat;

	return !CALL2(SYS_fstat, fd, &stat) && S_ISLNK(stat.st_mode);
}

/**
 * path_of() - the kernel's path of an open file
 * @fd: its descriptor
 * @path: for it
 * @size: of @path
 *
 * Return: 0, also for what is no file, whose text begins with no slash; a
 * negative errno.
 */
long path_of(long fd, char *path, size_t size)
{
	char link[DESCRIPTOR_PATH];
	long length;

	descriptor_path(link, fd);
	length = CALL4(SYS_readlinkat, AT_FDCWD, link, path, size);
	if (length < 0)
		return length;
	if ((size_t)length >= size)
		return -ENAMETOOLONG;
	path[length] = '\0';
	return 0;
}

/*
 * Where another thread could close it, or put another file there, it goes where
 * ring 3 has none. What is looked at afterwards is what it is then.
 */
long keep(long fd)
{
	if (fd < 0 || !descriptors_are_shared)
		return fd;
	return dune_keep_descriptor(fd);
}

static long open_path(long dirfd, const char *path, uint64_t flags,
		      uint64_t resolve)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_NO_MAGICLINKS | resolve,
	};

	return keep(CALL4(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

/**
 * split() - a path into that of the directory and the name in there
 * @path: cut off behind the directory
 * @name: for the name; empty if it is no name of something in a directory
 *
 * Return: the directory; NULL: the name is too long.
 */
static const char *split(char *path, char *name)
{
	size_t length = text_length(path), end = length, start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	if (end - start > NAME_MAX)
		return NULL;
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	if (text_equal(name, ".") || text_equal(name, ".."))
		name[0] = '\0';
	if (!start)
		return length && !end ? "/" : ".";
	path[start] = '\0';
	return path;
}

static void add_name(struct place *place)
{
	char *end = place->path + sizeof(place->path);
	char *to = place->path + text_length(place->path);

	if (to > place->path && to[-1] != '/')
		to = text_put(to, end, "/");
	text_put(to, end, place->name);
}

void put_place(struct place *place)
{
	if (place->fd >= 0)
		CALL1(SYS_close, place->fd);
	place->fd = -1;
}

static void give_up(struct place *place, long error)
{
	put_place(place);
	place->error = error;
}

/* What is gone has a path that is none any more. */
static bool is_gone(long fd)
{
	struct stat stat;

	return CALL2(SYS_fstat, fd, &stat) || !stat.st_nlink;
}

/* Ring 3 may have open what has no name any more, or never had one. */
static long name_gone(struct place *place)
{
	static const char gone[] = " (deleted)";
	size_t length = text_length(place->path), end = sizeof(gone) - 1;

	if (!place->is_descriptor)
		return -ENOENT;
	if (text_after(place->path, "/memfd:"))
		place->path[0] = 'm';
	else if (length > end &&
		 text_equal(place->path + length - end, gone))
		place->path[length - end] = '\0';
	return 0;
}

/* The kernel's path of what was found. */
static void name_place(struct place *place)
{
	char *path = place->path;
	long err = path_of(place->fd, path, sizeof(place->path));

	if (!err && path[0] == '/' && is_gone(place->fd))
		err = name_gone(place);
	if (err) {
		place->path[0] = '\0';
		give_up(place, err);
	}
}

/*
 * It is not there: what the policy says of the directory in which that was found
 * decides whether ring 3 is to know.
 */
static void find_what_there_is(struct place *place, long dirfd,
			       const char *path)
{
	char rest[PATH_MAX], name[NAME_MAX + 1];
	const char *directory = rest;
	long error = place->error, fd = -1;
	size_t length;

	text_put(rest, rest + sizeof(rest), path);
	while (fd < 0 && directory == rest) {
		length = text_length(rest);
		directory = split(rest, name);
		if (!directory)
			return;
		/* the root, or nothing more to leave out */
		if (directory == rest && text_length(rest) == length)
			break;
		fd = open_path(dirfd, directory, O_DIRECTORY, 0);
		if (directory == rest && text_length(rest) > 1)
			rest[text_length(rest) - 1] = '\0';
	}
	if (fd < 0)
		return;
	place->fd = fd;
	if (path_of(fd, place->path, sizeof(place->path)))
		place->path[0] = '\0';
	give_up(place, error);
}

/* Is it where /proc has the descriptors of this process? */
static bool is_own_descriptors(const char *path)
{
	uint64_t number;

	path = text_after(path, "/proc/");
	path = path ? text_number(path, &number) : NULL;
	if (!path || number != (uint64_t)CALL1(SYS_getpid, 0))
		return false;
	if (text_after(path, "/task/")) {
		path = text_number(text_after(path, "/task/"), &number);
		if (!path)
			return false;
	}
	return text_equal(path, "/fd");
}

/* One of ring 3's own descriptors, by its name in /proc. */
static void find_descriptor(struct place *place)
{
	uint64_t number;
	const char *rest = text_number(place->name, &number);

	put_place(place);
	place->error = -ENOENT;
	if (!rest || *rest || !is_descriptor(number) || number >> 32)
		return;
	place->fd = keep(CALL3(SYS_fcntl, number, F_DUPFD_CLOEXEC, 0));
	place->error = place->fd < 0 ? -ENOENT : 0;
	place->name[0] = '\0';
	place->is_descriptor = true;
	if (place->fd >= 0)
		name_place(place);
}

static bool is_link(const struct place *place)
{
	struct stat stat;

	return !CALL4(SYS_newfstatat, place->fd, place->name, &stat,
		      AT_SYMLINK_NOFOLLOW) && S_ISLNK(stat.st_mode);
}

/* The directory of a path, and the name in there. */
static bool find_directory(struct place *place, long dirfd, char *path,
			   uint64_t resolve)
{
	const char *directory = split(path, place->name);

	place->error = -ENAMETOOLONG;
	if (!directory)
		return false;
	place->fd = open_path(dirfd, directory, O_DIRECTORY, resolve);
	place->error = place->fd < 0 ? place->fd : 0;
	if (place->error)
		return false;
	name_place(place);
	return !place->error;
}

/* What has that name, which is no link by now. */
static void open_last(struct place *place)
{
	long fd = open_path(place->fd, place->name, O_NOFOLLOW, 0);

	put_place(place);
	place->fd = fd;
	place->error = fd < 0 ? fd : 0;
	place->name[0] = '\0';
	if (fd >= 0)
		name_place(place);
}

/* The program takes itself for what it was started as. */
bool is_own_image(const char *path)
{
	uint64_t number;
	const char *rest = text_after(path, "/proc/");

	rest = rest ? text_number(rest, &number) : NULL;
	return rest && text_equal(rest, "/exe") &&
	       number == (uint64_t)CALL1(SYS_getpid, 0);
}

/*
 * Name by name, where the kernel does not go on: the last name is not there
 * yet, or it is a link, perhaps one of /proc's.
 */
static void follow(struct place *place, long dirfd, char *path,
		   unsigned int how, uint64_t resolve)
{
	char target[PATH_MAX];
	long base = dirfd, length;
	int links;

	for (links = 0; links < LINKS; links++) {
		if (!find_directory(place, base, path, resolve))
			break;
		if (base != dirfd)
			CALL1(SYS_close, base);
		base = dirfd;
		if (!place->name[0])
			return;
		/* cut off it would be another */
		if (text_length(place->path) + text_length(place->name) + 2 >
		    sizeof(place->path)) {
			place->error = -ENAMETOOLONG;
			break;
		}
		if (is_own_descriptors(place->path) &&
		    !(how & PLACE_NOFOLLOW)) {
			find_descriptor(place);
			return;
		}
		if (how & PLACE_NOFOLLOW || !is_link(place)) {
			add_name(place);
			if (!(how & PLACE_NEW))
				open_last(place);
			return;
		}
		length = CALL4(SYS_readlinkat, place->fd, place->name, target,
			       sizeof(target) - 1);
		if (length <= 0)
			break;
		target[length] = '\0';
		add_name(place);
		text_put(path, path + PATH_MAX, is_own_image(place->path) ?
			 program_path : target);
		base = place->fd;
		place->fd = -1;
	}
	if (base != dirfd)
		CALL1(SYS_close, base);
	if (!place->error)
		give_up(place, -ELOOP);
}

/* A descriptor instead of a path (AT_EMPTY_PATH). */
static void find_open(struct place *place, long fd)
{
	if ((int)fd == AT_FDCWD)
		place->fd = open_path(AT_FDCWD, ".", 0, 0);
	else
		place->fd = keep(CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0));
	place->error = place->fd < 0 ? place->fd : 0;
	place->is_descriptor = true;
	if (place->fd >= 0)
		name_place(place);
}

/**
 * find_place() - find the file that ring 3 means
 * @place: filled; for put_place() in any case
 * @dirfd: where @path begins, if it is relative
 * @path: a copy of ring 3's, in PATH_MAX bytes; changed
 * @how: PLACE_*
 * @resolve: RESOLVE_* of its own
 */
void find_place(struct place *place, long dirfd, char *path, unsigned int how,
		uint64_t resolve)
{
	char given[PATH_MAX];

	place->fd = -1;
	place->error = 0;
	place->name[0] = '\0';
	place->path[0] = '\0';
	place->is_descriptor = false;
	if (!path[0] && how & PLACE_EMPTY) {
		find_open(place, dirfd);
		return;
	}
	if (!path[0]) {
		place->error = -ENOENT;
		return;
	}
	text_put(given, given + sizeof(given), path);
	if (!(how & PLACE_NEW)) {
		place->fd = open_path(dirfd, path, how & PLACE_NOFOLLOW ?
				      O_NOFOLLOW : 0, resolve);
		place->error = place->fd < 0 ? place->fd : 0;
		if (!place->error)
			name_place(place);
		if (place->error != -ELOOP || resolve)
			goto out;
	}
	follow(place, dirfd, path, how, resolve);
out:
	if (place->error && !place->path[0])
		find_what_there_is(place, dirfd, given);
}
