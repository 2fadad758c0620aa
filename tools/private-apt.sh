# Sourced, not run: an apt of our own, beside the system's.
#
# Fetches signed Debian packages of any suite into a folder without touching
# what the machine has installed: its own sources, lists, cache and dpkg status
# all live under one folder.  Root is not needed.  The machine's apt.conf
# (proxies, certificates) still applies, and every file is checked against the
# Debian archive keys, as apt always does.
#
#   papt_open DIR SUITE [STAND_IN...]   prepare; STAND_IN: names of packages
#                                       that count as installed already
#   papt_update                         fetch the suite's package index
#   papt_download PACKAGE...            fetch these alone
#   papt_resolve PACKAGE...             fetch these with all they depend on
#   $papt_archives                      where the .deb files land

# True on a system whose packages come from Debian's archive.
is_debian() {
	[ -r /etc/os-release ] || return 1
	[ "$(. /etc/os-release && echo "${ID:-}")" = debian ] &&
		command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null
}

# The Debian mirror of this machine, asked from apt itself.
debian_mirror() {
	local found
	if [ -n "${HEARTH_DEBIAN_MIRROR:-}" ]; then
		echo "$HEARTH_DEBIAN_MIRROR"
		return
	fi
	found=$(apt-get indextargets 'Created-By: Packages' \
		--format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null |
		awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
	# Before the first "apt-get update" apt does not know the origins yet.
	[ -n "$found" ] || found=$(apt-get indextargets 'Created-By: Packages' \
		--format '$(REPO_URI)' 2>/dev/null |
		awk '/\/debian\/?$/ { print; exit }')
	if [ -z "$found" ]; then
		echo "no Debian mirror among apt's sources:" \
			"set HEARTH_DEBIAN_MIRROR" >&2
		return 1
	fi
	echo "$found"
}

papt_open() {
	local dir=$1 suite=$2 keyring option='' name mirror
	shift 2
	mirror=$(debian_mirror) || return
	mkdir -p "$dir"/{parts,lists/partial,cache/archives/partial}
	papt_archives=$dir/cache/archives
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ ! -e "$keyring" ] || option="[signed-by=$keyring] "
	echo "deb $option$mirror $suite main" >"$dir/sources.list"
	: >"$dir/status"
	for name in "$@"; do
		printf '%s\n' "Package: $name" 'Status: install ok installed' \
			'Version: 99:0' 'Architecture: all' 'Multi-Arch: foreign' \
			'Maintainer: none' 'Description: stands in' '' >>"$dir/status"
	done
	papt_options=(-qq
		-o Dir::Etc::SourceList="$dir/sources.list"
		-o Dir::Etc::SourceParts="$dir/parts"
		-o Dir::Etc::Preferences=/dev/null
		-o Dir::Etc::PreferencesParts="$dir/parts"
		-o Dir::State::Lists="$dir/lists"
		-o Dir::State::status="$dir/status"
		-o Dir::State::extended_states="$dir/extended_states"
		-o Dir::Cache="$dir/cache"
		-o Dir::Cache::pkgcache='' -o Dir::Cache::srcpkgcache=''
		-o APT::Sandbox::User=''
		-o APT::Install-Recommends=false
		-o APT::Keep-Downloaded-Packages=true
		-o APT::Update::Post-Invoke=''
		-o Acquire::Languages=none
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
		-o Acquire::Retries=3)
}

# A mirror that stands still (a snapshot, one behind an air gap) serves an index
# past its date.  Its signature still counts; that it is old is said.  Any other
# complaint of apt is shown as it is.
papt_update() {
	local said
	said=$(LC_ALL=C apt-get "${papt_options[@]}" -o APT::Update::Error-Mode=any \
		update 2>&1) && return
	if grep -q '^E: Release file .* is expired' <<<"$said"; then
		echo "the mirror's index is past its date; its signatures are checked" \
			"all the same" >&2
	else
		echo "$said" >&2
		echo "trying again without asking how old the mirror's index is" >&2
	fi
	papt_options+=(-o Acquire::Check-Valid-Until=false)
	LC_ALL=C apt-get "${papt_options[@]}" update >&2
}

papt_download() {
	(cd "$papt_archives" &&
		LC_ALL=C apt-get "${papt_options[@]}" download "$@" >&2)
}

papt_resolve() {
	LC_ALL=C apt-get "${papt_options[@]}" -y --download-only \
		install "$@" >&2
}
