// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Opening files. A path that is plain, from the root and without links, is what
 * the kernel has for the file too: the policy is asked about it, and the kernel
 * told to follow no link. For all others the file is held first.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "handlers.h"

/* O_TMPFILE is more than a bit. */
static bool has(uint64_t flags, uint64_t flag)
{
	return (flags & flag) == flag;
}

/* What it takes to have it open so. */
unsigned int rights_to_open(uint64_t flags)
{
	unsigned int rights = RIGHT_READ;

	if (flags & O_PATH)
		return RIGHT_LOOK;
	if (has(flags, O_TMPFILE) || flags & O_TRUNC)
		return RIGHT_READ | RIGHT_WRITE;
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		break;
	case O_WRONLY:
		rights = RIGHT_WRITE;
		break;
	default:
		rights |= RIGHT_WRITE;
	}
	return rights;
}

/* Without anything that is not a name of its own. */
static bool is_plain(const char *path)
{
	if (*path != '/')
		return false;
	while (*path) {
		path++;
		if (*path == '/' || !*path || text_equal(path, ".") ||
		    text_equal(path, "..") || text_after(path, "./") ||
		    text_after(path, "../"))
			return false;
		while (*path && *path != '/')
			path++;
	}
	return true;
}

static long open_how(struct dune_frame *frame, long dirfd, const char *path,
		     const struct open_how *how)
{
	struct dune_frame changed = *frame;

	changed.rax = SYS_openat2;
	changed.rdi = dirfd;
	changed.rsi = (uint64_t)path;
	changed.rdx = (uint64_t)how;
	changed.r10 = sizeof(*how);
	return forward_changed(frame, &changed);
}

/* At once, if it is that simple; -ELOOP: it is not. */
static long open_plain(struct dune_frame *frame, const char *path,
		       const struct open_how *how)
{
	struct open_how plain = *how;
	unsigned int rights = rights_to_open(how->flags);

	/* /proc has rules of its own; a new file takes more; or from elsewhere */
	if (!is_plain(path) || text_after(path, "/proc/") || how->resolve ||
	    how->flags & O_CREAT || policy->flags & POLICY_LEARN ||
	    (rights_to(policy, path) & rights) != rights)
		return -ELOOP;
	plain.resolve |= RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	return open_how(frame, AT_FDCWD, path, &plain);
}

/* What is held is opened again, as ring 3 wants it. */
static long open_held(struct dune_frame *frame, const struct place *place,
		      const struct open_how *how)
{
	struct open_how again = {
		.flags = how->flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW),
		.mode = has(how->flags, O_TMPFILE) ? how->mode : 0,
	};
	char link[DESCRIPTOR_PATH];

	descriptor_path(link, place->fd);
	return open_how(frame, AT_FDCWD, link, &again);
}

/* In a directory that is held; a link there is nothing new. */
static long create(struct dune_frame *frame, const struct place *place,
		   const struct open_how *how)
{
	struct open_how new = *how;

	new.flags |= O_NOFOLLOW;
	new.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	return open_how(frame, place->fd, place->name, &new);
}

static long open_place(struct dune_frame *frame, struct place *place,
		       long dirfd, char *path, const struct open_how *how)
{
	bool is_new = how->flags & O_CREAT && !has(how->flags, O_TMPFILE);
	unsigned int rights = rights_to_open(how->flags), wanted = 0;
	char given[PATH_MAX];
	long err;

	if (how->flags & O_NOFOLLOW || has(how->flags, O_CREAT | O_EXCL))
		wanted = PLACE_NOFOLLOW;
	text_put(given, given + sizeof(given), path);
	find_place(place, dirfd, path, wanted, how->resolve);
	if (is_new && place->error == -ENOENT) {
		put_place(place);
		find_place(place, dirfd, given, wanted | PLACE_NEW,
			   how->resolve);
		rights |= RIGHT_WRITE;
		if (!place->error && !place->name[0])
			place->error = -EISDIR;
	}
	err = check_place(frame, place, rights);
	if (err)
		return err;
	if (place->name[0])
		return create(frame, place, how);
	if (is_new && how->flags & O_EXCL)
		return -EEXIST;
	/* a link, which is to be opened as nothing else */
	if (wanted && !(how->flags & O_PATH) && is_symlink(place->fd))
		return -ELOOP;
	return open_held(frame, place, how);
}

static long open_copied(struct dune_frame *frame, long dirfd, uint64_t name,
			const struct open_how *how)
{
	struct place place = { .fd = -1 };
	char path[PATH_MAX];
	long ret = copy_string(path, name, sizeof(path));

	if (ret < 0)
		return ret;
	if ((path[0] != '/' || how->resolve & RESOLVE_IN_ROOT) &&
	    dirfd != AT_FDCWD && !is_descriptor(dirfd))
		return -EBADF;
	ret = open_plain(frame, path, how);
	if (ret != -ELOOP)
		return ret;
	ret = open_place(frame, &place, dirfd, path, how);
	put_place(&place);
	return ret;
}

/* What open() takes no notice of openat2() refuses. */
static struct open_how how_of(uint64_t flags, uint64_t mode)
{
	const uint64_t known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY |
		O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_ASYNC | O_DIRECT |
		O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |
		O_SYNC | O_PATH | O_TMPFILE;
	struct open_how how = { .flags = flags & known };

	if (flags & O_PATH)
		how.flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
	else if (flags & O_CREAT || has(flags, O_TMPFILE))
		how.mode = mode & (0777 | S_ISVTX);
	return how;
}

/* open(), creat() and openat() */
long handle_open(struct dune_frame *frame)
{
	struct open_how how;

	switch (frame->rax) {
	case SYS_open:
		how = how_of((uint32_t)frame->rsi, frame->rdx);
		return open_copied(frame, AT_FDCWD, frame->rdi, &how);
	case SYS_creat:
		how = how_of(O_CREAT | O_WRONLY | O_TRUNC, frame->rsi);
		return open_copied(frame, AT_FDCWD, frame->rdi, &how);
	default:
		how = how_of((uint32_t)frame->rdx, frame->r10);
		return open_copied(frame, (int)frame->rdi, frame->rsi, &how);
	}
}

long handle_openat2(struct dune_frame *frame)
{
	struct open_how how;
	long err;

	if (frame->r10 < sizeof(how))
		return -EINVAL;
	/* a newer one may say what is not known here */
	if (frame->r10 > sizeof(how))
		return -E2BIG;
	err = copy_in(&how, frame->rdx, sizeof(how));
	if (err)
		return err;
	how.mode &= ~(uint64_t)(S_ISUID | S_ISGID);
	return open_copied(frame, (int)frame->rdi, frame->rsi, &how);
}
