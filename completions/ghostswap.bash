# bash completion for ghostswap. Written by python -m completions.

# Offers those of the lines on standard input that begin with $cur, as the shell would quote them.
_ghostswap_lines() {
    local line
    while IFS= read -r line; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("$(printf %q "$line")")
    done
}

_ghostswap_words() {
    compopt +o default
    _ghostswap_lines < <(printf '%s\n' "$@")
}

_ghostswap_list() {
    local before=
    [[ $cur == *,* ]] && before=${cur%,*},
    compopt -o nospace
    _ghostswap_words "${@/#/$before}"
}

_ghostswap_pids() {
    compopt +o default
    _ghostswap_lines < <(cd /proc && printf '%s\n' [0-9]*)
}

_ghostswap_processes() {
    compopt +o default
    _ghostswap_lines < <(cat /proc/[0-9]*/comm 2>/dev/null | sort -u)
}

_ghostswap_users() {
    compopt +o default
    _ghostswap_lines < <(compgen -u | sort -u)
}

_ghostswap_cgroups() {
    compopt +o default -o nospace
    _ghostswap_lines < <(cd /sys/fs/cgroup && printf '%s\n' "$cur"*/ 2>/dev/null | grep -v '\*/$')
}

_ghostswap_ghosts() {
    local device
    for device in /dev/mapper/ghostswap-*; do
        [[ -e $device && ${device##*/} == "$cur"* ]] && COMPREPLY+=("${device##*/}")
    done
}

_ghostswap() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    if [[ $cur == = ]]; then # --option=, which bash takes for two words
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    COMPREPLY=()
    case $command:$prev in
        estimate-dedup:-p | estimate-dedup:--pid | plan:-p | plan:--pid)
            _ghostswap_pids
            return
            ;;
        estimate-dedup:--name | plan:--name)
            _ghostswap_processes
            return
            ;;
        estimate-dedup:--user | plan:--user)
            _ghostswap_users
            return
            ;;
        estimate-dedup:--cgroup | plan:--cgroup)
            _ghostswap_cgroups
            return
            ;;
        estimate-dedup:--max-expansion | estimate-dedup:--top | estimate-dedup:--error | estimate-dedup:--seed | estimate-dedup:--idle | estimate-dedup:--host | estimate-dedup:--taken | estimate-dedup:--one-in | estimate-dedup:--jobs | fleet:--master | fleet:--memory | fleet:--min-hosts | fleet:--pairs | inspect:--watch | label:-L | label:--label | mkghost:-s | mkghost:--size | mkghost:--pages | mkghost:-L | mkghost:--label | on:--size | on:-p | on:--priority | plan:--max-expansion | plan:--ratio | plan:--margin | plan:--ram | plan:--max-pool-percent | plan:--idle | plan:--master | plan:--memory)
            compopt +o default
            return
            ;;
        estimate-dedup:--algorithm | estimate-dedup:--recompress | fleet:--algorithm | plan:--algorithm)
            _ghostswap_words lz4 lz4hc lzo lzo-rle deflate zstd
            return
            ;;
        estimate-dedup:--kernel | fleet:--kernel | plan:--kernel)
            _ghostswap_words 6.1 6.12 6.18 7.1 7.2
            return
            ;;
        estimate-dedup:--zpool | fleet:--zpool)
            _ghostswap_words zsmalloc zbud z3fold
            return
            ;;
        estimate-dedup:--page-size | plan:--page-size)
            _ghostswap_words 4096 8192 16384 32768 65536
            return
            ;;
        estimate-dedup:--engine)
            _ghostswap_words library kernel
            return
            ;;
        estimate-dedup:--group-by)
            _ghostswap_words source cgroup mapping kind
            return
            ;;
        estimate-dedup:--tracker | plan:--tracker)
            _ghostswap_words auto page-idle damon
            return
            ;;
        estimate-dedup:--save | estimate-dedup:--salt-file | estimate-dedup:--new-salt-file | estimate-dedup:--plot | fleet:--new-salt-file | fleet:--plot | plan:--path | plan:--plot)
            :
            return
            ;;
        estimate-dedup:-o | estimate-dedup:--output)
            _ghostswap_list SYSTEM ALGORITHM POOL METADATA RAM SAVED RATIO ERROR DEDUP COMPRESS DECOMPRESS
            return
            ;;
        fleet:--engine | plan:--engine)
            _ghostswap_words duckdb spark
            return
            ;;
        fleet:-o | fleet:--output)
            _ghostswap_list SYSTEM ALGORITHM SUM-RAM P5 P50 P95 SHARED-RAM ERROR
            return
            ;;
        inspect:-o | inspect:--output)
            _ghostswap_list PRIORITY NAME TYPE SIZE USED MEDIUM
            return
            ;;
        inspect:--root | plan:--root)
            compopt +o default -o dirnames
            return
            ;;
        label:-U | label:--uuid | mkghost:-U | mkghost:--uuid)
            _ghostswap_words random nil
            return
            ;;
        mkghost:-p | mkghost:--page-size)
            _ghostswap_words 4096 8192 16384 65536
            return
            ;;
        mkghost:-e | mkghost:--endianness)
            _ghostswap_words native little big
            return
            ;;
        plan:--zero-pages)
            _ghostswap_words include exclude
            return
            ;;
        plan:--demand)
            _ghostswap_words idle capacity
            return
            ;;
        plan:--eviction)
            _ghostswap_words 10%
            return
            ;;
        plan:--system)
            _ghostswap_words zram zswap zram+recompress zram+dedup zswap+dedup ksm
            return
            ;;
        plan:--design)
            _ghostswap_words ghost swapfile zram
            return
            ;;
        plan:--print)
            _ghostswap_words pages bytes mib
            return
            ;;
        plan:--emit)
            _ghostswap_words sh fstab systemd zram-generator
            return
            ;;
        plan:-o | plan:--output)
            _ghostswap_list RAM SYSTEM RATIO POOL-LIMIT HOLDS AT-WORST AT-BEST SIZE RECOMMENDED PAGES TO-DISK
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        case $command in
            '') _ghostswap_words -V --version -h --help ;;
            estimate-dedup) _ghostswap_words -p --pid --name --user --cgroup --all --children --raw --max-expansion --algorithm --recompress --kernel --zpool --ghost --no-writeback --whole-huge-pages --page-size --engine --verify --group-by --top --histogram --quick --error --seed --idle --tracker --save --salt-file --new-salt-file --host --taken --private --one-in --plot --jobs -J --json -b --bytes -n --noheadings -o --output -q --quiet -h --help ;;
            fleet) _ghostswap_words --algorithm --engine --master --memory --skip-bad --kernel --zpool --ghost --no-writeback --min-hosts --pairs --new-salt-file --plot -J --json -b --bytes -n --noheadings -o --output -q --quiet -h --help ;;
            inspect) _ghostswap_words --fix --cgroups --watch --openmetrics -J --json -b --bytes -n --noheadings -o --output --root -q --quiet -h --help ;;
            label) _ghostswap_words -L --label -U --uuid -J --json -q --quiet -h --help ;;
            mkghost) _ghostswap_words -s --size --pages -L --label -U --uuid -p --page-size -e --endianness -f --force --dry-run -J --json -b --bytes -q --quiet -h --help ;;
            off) _ghostswap_words -a --all --force -J --json -b --bytes -q --quiet -h --help ;;
            on) _ghostswap_words --size -p --priority --enable-zswap --no-writeback --dry-run -J --json -b --bytes -q --quiet -h --help ;;
            plan) _ghostswap_words -p --pid --name --user --cgroup --all --children --raw --max-expansion --ratio --live --margin --zero-pages --ram --max-pool-percent --demand --eviction --idle --tracker --system --design --algorithm --kernel --page-size --quick --compare --explain --print --emit --fleet --engine --master --memory --skip-bad --path --plot -J --json -b --bytes -n --noheadings -o --output --root -q --quiet -h --help ;;
        esac
        return
    fi
    case $command in
        '') _ghostswap_words estimate-dedup fleet inspect label mkghost off on plan help ;;
        help) _ghostswap_words estimate-dedup fleet inspect label mkghost off on plan ;;
        estimate-dedup) : ;;
        fleet) : ;;
        inspect) : ;;
        label) : ;;
        mkghost) : ;;
        off) _ghostswap_ghosts ;;
        on) : ;;
        plan) : ;;
    esac
}

# Where a case offers nothing, bash offers files; a case that wants neither says so.
complete -o default -F _ghostswap ghostswap
