# shellcheck shell=bash
# Sourced where a package of another suite or another architecture is needed. apt works on a state of its own then, with the mirror that
# this machine already uses: the system's sources and its list of packages stay as they are.
#   own_apt FOLDER TYPE SUITE [OPTION...]   makes such a state in FOLDER: TYPE is deb or deb-src, an OPTION of the source e.g. arch=arm64
#   apt_in FOLDER ARGUMENT...               runs apt-get on it

find_mirror() {
    # shellcheck disable=SC2016  # apt's variable
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' |
        sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}'
}

own_apt() {
    local folder=$1 type=$2 suite=$3 mirror
    mirror=$(find_mirror)
    if [ -z "$mirror" ]; then                           # the lists of a new machine are empty
        "$(dirname "${BASH_SOURCE[0]}")/packages" --update
        mirror=$(find_mirror)
    fi
    [ -n "$mirror" ] || return 1
    mkdir -p "$folder/lists/partial" "$folder/archives/partial"
    echo "$type [${*:4} signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$folder/sources.list"
}

apt_in() {
    local folder=$1
    shift
    apt-get -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$folder/lists" \
        -o Dir::Cache::Archives="$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}
