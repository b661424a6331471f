// SPDX-License-Identifier: GPL-2.0-only
/* The supervisor's memory: where it is, and whether it is as it was. */
#include "attack_stage.h"

/* The supervisor's mappings. */
struct mapping {
	uint64_t start, end;
	char perms[5];
	char first[16];
};

const char *const of_supervisor = "memory of the supervisor";
static struct mapping mappings[256];
static unsigned int mapping_count;
static pid_t asker;

static bool is_supervisors(uint64_t start, const char *path)
{
	const char *slash = strrchr(path, '/');

	return (start >= 0x4a0000000000 && start < 0x4c0000000000) ||
	       strstr(slash ?: path, "dune");
}

static FILE *open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* Memory of another process, by way of /proc: also what it may not see. */
static void peek(pid_t pid, struct mapping *mapping)
{
	FILE *memory = open_of(pid, "mem");

	memset(mapping->first, 0, sizeof(mapping->first));
	if (!memory)
		return;
	if (pread(fileno(memory), mapping->first, sizeof(mapping->first),
		  mapping->start) < 0)
		mapping->first[0] = 0;
	fclose(memory);
}

static unsigned int look_at_maps(pid_t pid, struct mapping *list, size_t max,
				 bool all)
{
	FILE *maps = open_of(pid, "maps");
	char line[PATH_MAX + 128], path[PATH_MAX];
	unsigned int count = 0;
	struct mapping *now;

	while (maps && count < max && fgets(line, sizeof(line), maps)) {
		now = &list[count];
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %4095s", &now->start,
			   &now->end, now->perms, path) < 3)
			continue;
		if (all || is_supervisors(now->start, path))
			count++;
	}
	if (maps)
		fclose(maps);
	return count;
}

void remember_maps(pid_t pid)
{
	unsigned int i;

	asker = pid;
	mapping_count = look_at_maps(pid, mappings, COUNT(mappings), false);
	for (i = 0; i < mapping_count; i++)
		peek(pid, &mappings[i]);
}

static bool is_as_before(const struct mapping *old, struct mapping *now)
{
	if (strcmp(old->perms, now->perms))
		return false;
	if (strchr(old->perms, 'w') || !strchr(old->perms, 'r'))
		return true;
	now->start = old->start;
	peek(asker, now);
	return !memcmp(old->first, now->first, sizeof(old->first));
}

/* They may have been split or merged meanwhile, but not be gone. */
void check_maps(void)
{
	static struct mapping now[4096];
	unsigned int i, j, count;

	count = look_at_maps(asker, now, COUNT(now), true);
	for (i = 0; i < mapping_count; i++) {
		for (j = 0; j < count; j++) {
			if (now[j].start <= mappings[i].start &&
			    now[j].end > mappings[i].start)
				break;
		}
		if (j == count || !is_as_before(&mappings[i], &now[j]))
			harm = of_supervisor;
	}
}

/* The first page of each; of many the last ones as well. */
void tell_targets(FILE *to)
{
	unsigned int i, step = mapping_count / 16 + 1;

	for (i = 0; i < mapping_count; i += step)
		fprintf(to, " a%lx", mappings[i].start);
}
