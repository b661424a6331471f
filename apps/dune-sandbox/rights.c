// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether ring 3 may do something with a file that was found. What /proc has of
 * a process is another's memory, root or descriptors, or tells of the machine:
 * of its own process ring 3 may read what is listed here, of others nothing.
 */
#include "sandbox.h"

#include <errno.h>

static const char *const readable[] = {
	"", "auxv", "cgroup", "cmdline", "comm", "environ", "fd", "io",
	"limits", "maps", "mountinfo", "mounts", "numa_maps", "oom_score",
	"oom_score_adj", "sched", "schedstat", "smaps", "smaps_rollup", "stat",
	"statm", "status", "task", "wchan",
};

/* What is behind the process's number, and that of a thread. */
static const char *after_numbers(const char *path, uint64_t *pid)
{
	const char *rest = text_after(path, "/proc/"), *task;
	uint64_t tid;

	rest = rest ? text_number(rest, pid) : NULL;
	if (!rest || (*rest && *rest != '/'))
		return NULL;
	task = text_after(rest, "/task/");
	if (task) {
		rest = text_number(task, &tid);
		if (!rest)
			return "?";
	}
	return *rest == '/' ? rest + 1 : rest;
}

static unsigned int rights_to_process(uint64_t pid, const char *name)
{
	unsigned int i;

	if (pid != (uint64_t)CALL1(SYS_getpid, 0))
		return 0;
	/* links, which are not followed */
	if (text_equal(name, "exe") || text_equal(name, "cwd") ||
	    text_equal(name, "root") || text_after(name, "fd/"))
		return RIGHT_LOOK;
	for (i = 0; i < ARRAY_SIZE(readable); i++)
		if (text_equal(name, readable[i]))
			return RIGHT_LOOK | RIGHT_READ;
	return 0;
}

/* What the kernel has of a process is not for any policy to give. */
static unsigned int rights_to_path(const char *path)
{
	unsigned int rights = rights_to(policy, path);
	const char *name;
	uint64_t pid;

	if (rights & RIGHT_HIDDEN)
		return rights;
	name = after_numbers(path, &pid);
	return name ? rights_to_process(pid, name) : rights;
}

/* Not there, or none of its business; or so it is told. */
static long refuse_path(const struct dune_frame *frame, unsigned int rights,
			const char *path)
{
	if (rights & RIGHT_HIDDEN)
		return refuse(frame, ENOENT, "hidden", path);
	return refuse(frame, EACCES, "no right to it", path);
}

/**
 * check_place() - may ring 3 do this with a file
 * @frame: of its call
 * @place: from find_place()
 * @rights: RIGHT_* that it takes
 *
 * Return: 0; @place->error, if ring 3 may know that; what the call is to give.
 */
long check_place(const struct dune_frame *frame, const struct place *place,
		 unsigned int rights)
{
	unsigned int has;
	long err;

	/* a pipe, or another thing that has no name: it has it open */
	if (!place->error && place->path[0] != '/') {
		if (!(rights & RIGHT_EXECUTE))
			return 0;
		return refuse(frame, EACCES, "a program without a name",
			      place->path);
	}
	if (place->path[0] != '/')
		return place->error;
	has = rights_to_path(place->path);
	if (place->error) {
		if (!(has & RIGHT_LOOK))
			err = refuse_path(frame, has, place->path);
		else
			err = 0;
		return err ?: place->error;
	}
	if ((has & rights) == rights)
		return 0;
	if (policy->flags & POLICY_LEARN) {
		learn_path(rights, place->path);
		return 0;
	}
	return refuse_path(frame, has, place->path);
}
