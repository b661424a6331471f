// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that are about files by their paths. The path is copied, what it leads
 * to is found and held, the policy is asked, and the call is made on what is
 * held: by its name in /proc where the call wants a path, which leads there and
 * nowhere else.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"

#define NONE		6	/* no such argument */

/* open_how of openat2() has no more yet. */
#define HOW_SIZE	sizeof(struct open_how)

static void set_argument(struct dune_frame *frame, unsigned int i,
			 uint64_t value)
{
	uint64_t *const places[] = {
		&frame->rdi, &frame->rsi, &frame->rdx, &frame->r10, &frame->r8,
		&frame->r9,
	};

	*places[i] = value;
}

static long directory_of(const struct dune_frame *frame, unsigned int i)
{
	return i == NONE ? AT_FDCWD : (int)argument(frame, i);
}

/* A directory that a path may begin at: the current one, or ring 3's. */
static bool is_directory(const struct dune_frame *frame, unsigned int i)
{
	return i == NONE || (int)argument(frame, i) == AT_FDCWD ||
	       is_descriptor(argument(frame, i));
}

/* Finds what an argument names. Place to be put unless it fails. */
static long find(struct dune_frame *frame, struct place *place,
		 unsigned int dirfd, unsigned int path, unsigned int how)
{
	char name[PATH_MAX];
	long length = copy_string(name, argument(frame, path), sizeof(name));

	if (length < 0)
		return length;
	if (name[0] != '/' && !is_directory(frame, dirfd))
		return -EBADF;
	find_place(place, directory_of(frame, dirfd), name, how, 0);
	return 0;
}

/* Makes a call with the one on what is held; puts the place. */
static long make(struct dune_frame *frame, struct dune_frame *changed,
		 struct place *place)
{
	long ret = forward_changed(frame, changed);

	put_place(place);
	return ret;
}

/**
 * struct file_call - a call that is about a file that is there
 * @nr: the call
 * @rights: what it takes
 * @dirfd: which argument says where the path begins, or NONE
 * @path: which argument that is
 * @flags: which one has AT_*, or NONE
 * @how: PLACE_*, without flags
 */
struct file_call {
	uint16_t nr, rights;
	uint8_t dirfd, path, flags, how;
};

static const struct file_call file_calls[] = {
	{ SYS_access, RIGHT_LOOK, NONE, 0, NONE, 0 },
	{ SYS_faccessat, RIGHT_LOOK, 0, 1, NONE, 0 },
	{ SYS_faccessat2, RIGHT_LOOK, 0, 1, 3, 0 },
	{ SYS_statfs, RIGHT_LOOK, NONE, 0, NONE, 0 },
	{ SYS_getxattr, RIGHT_LOOK, NONE, 0, NONE, 0 },
	{ SYS_lgetxattr, RIGHT_LOOK, NONE, 0, NONE, PLACE_NOFOLLOW },
	{ SYS_listxattr, RIGHT_LOOK, NONE, 0, NONE, 0 },
	{ SYS_llistxattr, RIGHT_LOOK, NONE, 0, NONE, PLACE_NOFOLLOW },
	{ SYS_chmod, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_fchmodat, RIGHT_WRITE, 0, 1, NONE, 0 },
	{ SYS_chown, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_lchown, RIGHT_WRITE, NONE, 0, NONE, PLACE_NOFOLLOW },
	{ SYS_fchownat, RIGHT_WRITE, 0, 1, 4, 0 },
	{ SYS_truncate, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_utime, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_utimes, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_futimesat, RIGHT_WRITE, 0, 1, NONE, 0 },
	{ SYS_utimensat, RIGHT_WRITE, 0, 1, 3, 0 },
	{ SYS_setxattr, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_lsetxattr, RIGHT_WRITE, NONE, 0, NONE, PLACE_NOFOLLOW },
	{ SYS_removexattr, RIGHT_WRITE, NONE, 0, NONE, 0 },
	{ SYS_lremovexattr, RIGHT_WRITE, NONE, 0, NONE, PLACE_NOFOLLOW },
	{ SYS_inotify_add_watch, RIGHT_READ, NONE, 1, NONE, 0 },
};

static const struct file_call *find_call(const struct dune_frame *frame)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(file_calls); i++)
		if (file_calls[i].nr == frame->rax)
			return &file_calls[i];
	__builtin_trap();
}

/* What access() asks for; a folder needs no more than to be seen. */
static unsigned int rights_by_mode(uint64_t mode, const struct place *place)
{
	unsigned int rights = RIGHT_LOOK;
	struct stat stat;

	if (mode & R_OK)
		rights |= RIGHT_READ;
	if (mode & W_OK)
		rights |= RIGHT_WRITE;
	if (mode & X_OK && place->fd >= 0 &&
	    !CALL2(SYS_fstat, place->fd, &stat) && S_ISREG(stat.st_mode))
		rights |= RIGHT_EXECUTE;
	return rights;
}

static unsigned int rights_of_call(const struct dune_frame *frame,
				   const struct file_call *call,
				   const struct place *place)
{
	switch (frame->rax) {
	case SYS_access:
		return rights_by_mode(frame->rsi, place);
	case SYS_faccessat:
	case SYS_faccessat2:
		return rights_by_mode(frame->rdx, place);
	default:
		return call->rights;
	}
}

/* A program that others execute would have this user's rights there. */
static bool sets_user(const struct dune_frame *frame)
{
	uint64_t mode = 0;

	if (frame->rax == SYS_chmod || frame->rax == SYS_fchmod)
		mode = frame->rsi;
	else if (frame->rax == SYS_fchmodat)
		mode = frame->rdx;
	return mode & (S_ISUID | S_ISGID);
}

static unsigned int how_by_flags(uint64_t flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? PLACE_NOFOLLOW : 0) |
	       (flags & AT_EMPTY_PATH ? PLACE_EMPTY : 0);
}

/* Of what is held: its name in /proc is a link, which is to be followed. */
static uint64_t following(uint64_t nr)
{
	switch (nr) {
	case SYS_lgetxattr:
		return SYS_getxattr;
	case SYS_llistxattr:
		return SYS_listxattr;
	case SYS_lsetxattr:
		return SYS_setxattr;
	case SYS_lremovexattr:
		return SYS_removexattr;
	default:
		return SYS_chown;
	}
}

/* access(), chmod() and all others of the table. */
long handle_file(struct dune_frame *frame)
{
	const struct file_call *call = find_call(frame);
	struct dune_frame changed = *frame;
	unsigned int how = call->how;
	char link[DESCRIPTOR_PATH];
	struct place place;
	long err;

	/* utimensat() of a descriptor */
	if (frame->rax == SYS_utimensat && !frame->rsi)
		return handle_attributes(frame);
	if (call->flags != NONE)
		how |= how_by_flags(argument(frame, call->flags));
	if (frame->rax == SYS_inotify_add_watch && frame->rdx & IN_DONT_FOLLOW)
		how |= PLACE_NOFOLLOW;
	if (sets_user(frame))
		return refuse(frame, EPERM, "a set-user-ID program", NULL) ?:
		       -EPERM;
	err = find(frame, &place, call->dirfd, call->path, how) ?:
	      check_place(frame, &place, rights_of_call(frame, call, &place));
	if (err) {
		put_place(&place);
		return err;
	}
	if (call->how & PLACE_NOFOLLOW)
		changed.rax = following(frame->rax);
	if (frame->rax == SYS_inotify_add_watch &&
	    is_hidden(place.path, NULL)) {
		put_place(&place);
		return refuse(frame, EACCES, "something in it is hidden",
			      NULL) ?: -EACCES;
	}
	descriptor_path(link, place.fd);
	set_argument(&changed, call->path, (uint64_t)link);
	/* what is held is followed to */
	if (call->flags != NONE)
		set_argument(&changed, call->flags,
			     argument(frame, call->flags) &
			     ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
	if (frame->rax == SYS_inotify_add_watch)
		changed.rdx &= ~(uint64_t)IN_DONT_FOLLOW;
	return make(frame, &changed, &place);
}

/* stat() and its like, to be made as one of them on what is held. */
static long look(struct dune_frame *frame, unsigned int dirfd,
		 unsigned int path, unsigned int how,
		 struct dune_frame *changed)
{
	static const char nothing[] = "";
	struct place place;
	long err = find(frame, &place, dirfd, path, how) ?:
		   check_place(frame, &place, RIGHT_LOOK);

	if (err) {
		put_place(&place);
		return err;
	}
	changed->rdi = place.fd;
	changed->rsi = (uint64_t)nothing;
	return make(frame, changed, &place);
}

long handle_stat(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;

	changed.rax = SYS_newfstatat;
	changed.rdx = frame->rsi;
	changed.r10 = AT_EMPTY_PATH;
	return look(frame, NONE, 0, frame->rax == SYS_lstat ?
		    PLACE_NOFOLLOW : 0, &changed);
}

/* fstat(), as the C library makes it. */
static bool is_empty(uint64_t path)
{
	char first;

	return !path || (!copy_in(&first, path, 1) && !first);
}

long handle_newfstatat(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;

	if (frame->r10 & AT_EMPTY_PATH && is_descriptor(frame->rdi) &&
	    is_empty(frame->rsi)) {
		changed.rax = SYS_fstat;
		changed.rsi = frame->rdx;
		return forward_changed(frame, &changed);
	}
	changed.r10 |= AT_EMPTY_PATH;
	return look(frame, 0, 1, how_by_flags(frame->r10), &changed);
}

long handle_statx(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;

	changed.rdx |= AT_EMPTY_PATH;
	return look(frame, 0, 1, how_by_flags(frame->rdx), &changed);
}

static long read_link(struct dune_frame *frame, unsigned int first)
{
	struct dune_frame changed = *frame;
	uint64_t size = argument(frame, first + 2);
	struct place place;
	long err = find(frame, &place, first ? 0 : NONE, first,
			PLACE_NOFOLLOW | (first ? PLACE_EMPTY : 0));

	if (!err && !place.error && is_own_image(place.path)) {
		put_place(&place);
		err = text_length(program_path);
		if (err > (long)size)
			err = size;
		return copy_out(argument(frame, first + 1), program_path,
				err) ?: err;
	}
	err = err ?: check_place(frame, &place, RIGHT_LOOK);
	if (err) {
		put_place(&place);
		return err;
	}
	changed.rax = SYS_readlinkat;
	changed.rdi = place.fd;
	changed.rdx = argument(frame, first + 1);
	changed.r10 = size;
	changed.rsi = (uint64_t)"";
	return make(frame, &changed, &place);
}

long handle_readlink(struct dune_frame *frame)
{
	return read_link(frame, 0);
}

long handle_readlinkat(struct dune_frame *frame)
{
	return read_link(frame, 1);
}

long handle_chdir(struct dune_frame *frame)
{
	struct place place;
	long ret = find(frame, &place, NONE, 0, 0) ?:
		   check_place(frame, &place, RIGHT_LOOK);

	if (!ret)
		ret = CALL1(SYS_fchdir, place.fd);
	put_place(&place);
	return ret;
}

/*
 * What is open already, for a call that changes more than its content. It is
 * made on what was looked at: by its number there may be another file by now.
 */
long handle_attributes(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	char nothing[PATH_MAX];
	struct place place;
	long err;

	if (!is_descriptor(frame->rdi))
		return -EBADF;
	if (sets_user(frame))
		return refuse(frame, EPERM, "a set-user-ID program", NULL) ?:
		       -EPERM;
	nothing[0] = '\0';
	find_place(&place, (int)frame->rdi, nothing, PLACE_EMPTY, 0);
	err = check_place(frame, &place, RIGHT_WRITE);
	if (err) {
		put_place(&place);
		return err;
	}
	changed.rdi = place.fd;
	return make(frame, &changed, &place);
}

/*
 * A name in a directory, to be made or removed. Without one it is the directory
 * itself, or what is above it: @none is what the kernel has for that.
 */
static long find_new(struct dune_frame *frame, struct place *place,
		     unsigned int dirfd, unsigned int path, long none)
{
	long err = find(frame, place, dirfd, path, PLACE_NEW | PLACE_NOFOLLOW);

	if (!err && !place->error && !place->name[0])
		err = none;
	return err ?: check_place(frame, place, RIGHT_WRITE);
}

/* Made with its directory, and the name. */
static long make_in(struct dune_frame *frame, unsigned int dirfd,
		    unsigned int path, long none, struct dune_frame *changed)
{
	struct place place;
	long err = find_new(frame, &place, dirfd, path, none);

	if (err) {
		put_place(&place);
		return err;
	}
	changed->rdi = place.fd;
	changed->rsi = (uint64_t)place.name;
	return make(frame, changed, &place);
}

/* mkdir() and mknod() as those that begin at a directory. */
long handle_make(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	bool is_at = frame->rax == SYS_mkdirat || frame->rax == SYS_mknodat;
	bool is_directory = frame->rax == SYS_mkdirat ||
			    frame->rax == SYS_mkdir;

	if (!is_at) {
		changed.r10 = frame->rdx;
		changed.rdx = frame->rsi;
	}
	changed.rax = is_directory ? SYS_mkdirat : SYS_mknodat;
	changed.rdx &= ~(uint64_t)(S_ISUID | S_ISGID);
	if (!is_directory && (S_ISBLK(changed.rdx) || S_ISCHR(changed.rdx)) &&
	    !(S_ISCHR(changed.rdx) && !changed.r10)) {
		long err = refuse(frame, EPERM, "a device", NULL);

		if (err)
			return err;
	}
	return make_in(frame, is_at ? 0 : NONE, is_at ? 1 : 0, -EEXIST,
		       &changed);
}

long handle_unlink(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	bool is_at = frame->rax == SYS_unlinkat;

	changed.rax = SYS_unlinkat;
	if (!is_at)
		changed.rdx = frame->rax == SYS_rmdir ? AT_REMOVEDIR : 0;
	return make_in(frame, is_at ? 0 : NONE, is_at ? 1 : 0,
		       changed.rdx & AT_REMOVEDIR ? -EINVAL : -EISDIR,
		       &changed);
}

/* symlink(): what it leads to is looked at when it is used. */
long handle_symlink(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	bool is_at = frame->rax == SYS_symlinkat;
	char target[PATH_MAX];
	struct place place;
	long err = copy_string(target, frame->rdi, sizeof(target));

	if (err < 0)
		return err;
	err = find_new(frame, &place, is_at ? 1 : NONE, is_at ? 2 : 1, -EEXIST);
	if (err) {
		put_place(&place);
		return err;
	}
	changed.rax = SYS_symlinkat;
	changed.rdi = (uint64_t)target;
	changed.rsi = place.fd;
	changed.rdx = (uint64_t)place.name;
	return make(frame, &changed, &place);
}

/* Something that is called otherwise would be treated otherwise. */
static long check_names(const struct dune_frame *frame,
			const struct place *old, const struct place *new)
{
	/* as if it were another file system: programs copy it then */
	if (rights_to(policy, old->path) != rights_to(policy, new->path))
		return -EXDEV;
	if (!has_rule_below(policy, old->path) &&
	    !has_rule_below(policy, new->path))
		return 0;
	return refuse(frame, EACCES, "the policy knows it by its name",
		      old->path);
}

/* Both names of rename(), which may be of directories with all in them. */
static long rename_places(struct dune_frame *frame, struct place *old,
			  struct place *new, bool is_at)
{
	struct dune_frame changed = *frame;
	long err = find_new(frame, old, is_at ? 0 : NONE, is_at ? 1 : 0,
			    -EBUSY) ?:
		   find_new(frame, new, is_at ? 2 : NONE, is_at ? 3 : 1,
			    -EBUSY) ?:
		   check_names(frame, old, new);

	if (err)
		return err;
	changed.rax = SYS_renameat2;
	changed.rdi = old->fd;
	changed.rsi = (uint64_t)old->name;
	changed.rdx = new->fd;
	changed.r10 = (uint64_t)new->name;
	changed.r8 = frame->rax == SYS_renameat2 ? frame->r8 : 0;
	return forward_changed(frame, &changed);
}

long handle_rename(struct dune_frame *frame)
{
	struct place old = { .fd = -1 }, new = { .fd = -1 };
	long ret = rename_places(frame, &old, &new, frame->rax != SYS_rename);

	put_place(&old);
	put_place(&new);
	return ret;
}

/*
 * By another name a file would have the rights of that: it takes the right to
 * write to it, by the name that it has.
 */
static long link_places(struct dune_frame *frame, struct place *old,
			struct place *new, bool is_at)
{
	struct dune_frame changed = *frame;
	uint64_t flags = is_at ? frame->r8 : 0;
	char link[DESCRIPTOR_PATH];
	unsigned int how = flags & AT_SYMLINK_FOLLOW ? 0 : PLACE_NOFOLLOW;
	long err;

	if (flags & AT_EMPTY_PATH)
		how |= PLACE_EMPTY;
	err = find(frame, old, is_at ? 0 : NONE, is_at ? 1 : 0, how) ?:
	      check_place(frame, old, RIGHT_WRITE) ?:
	      find_new(frame, new, is_at ? 2 : NONE, is_at ? 3 : 1, -EEXIST);
	if (err)
		return err;
	descriptor_path(link, old->fd);
	changed.rax = SYS_linkat;
	changed.rdi = (uint64_t)AT_FDCWD;
	changed.rsi = (uint64_t)link;
	changed.rdx = new->fd;
	changed.r10 = (uint64_t)new->name;
	changed.r8 = AT_SYMLINK_FOLLOW;
	return forward_changed(frame, &changed);
}

long handle_link(struct dune_frame *frame)
{
	struct place old = { .fd = -1 }, new = { .fd = -1 };
	long ret = link_places(frame, &old, &new, frame->rax != SYS_link);

	put_place(&old);
	put_place(&new);
	return ret;
}
