# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An apt of its own under $cache for tests/vm/fetch and tests/vm/build-kernel: nothing of it is seen by the machine's.
# Whoever sources this has die() and $cache.
private=${private:-$cache/apt}

# Debian's mirror and its key, as this machine's own sources name them.
mirror()
{
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(SITE)' 'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" && $2 !~ /security/ { print $3; exit }'
}

suites_of()
{
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo bookworm-backports ;;
	*) echo sid ;;
	esac
}

configure_apt()
{
	local site=$1 suite=$2 key=/usr/share/keyrings/debian-archive-keyring.gpg

	mkdir -p "$private"/{state/lists/partial,cache/archives/partial,none}
	: >"$private/status"
	echo "deb [arch=amd64 signed-by=$key] $site $suite main" >"$private/sources.list"
	# The lists of a mirror that is a snapshot are past their date.
	cat >"$private/apt.conf" <<-END
		Dir::State "$private/state";
		Dir::State::status "$private/status";
		Dir::Cache "$private/cache";
		Dir::Etc::sourcelist "$private/sources.list";
		Dir::Etc::sourceparts "$private/none";
		Dir::Etc::preferencesparts "$private/none";
		APT::Architecture "amd64";
		APT::Sandbox::User "root";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
}

apt()
{
	APT_CONFIG=$private/apt.conf "$@" </dev/null
}

# prepare_apt SERIES: with the lists of the suite that has the kernel.
prepare_apt()
{
	local site

	command -v apt-get >/dev/null || die "Debian's apt is needed to fetch kernels"
	site=$(mirror)
	[ -n "$site" ] || die "no Debian mirror in this machine's apt sources"
	configure_apt "$site" "$(suites_of "$1")"
	apt apt-get -q update >"$private/log" 2>&1 || die "apt-get update: $(tail -n 3 "$private/log")"
}
