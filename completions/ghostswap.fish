# fish completions for ghostswap. Written by python -m completions.

function __ghostswap_command --argument-names wanted --description 'Is this the command so far?'
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            test "$word" = "$wanted"
            return
        end
    end
    test -z "$wanted"
end

function __ghostswap_processes
    cat (string match -r '^/proc/\d+$' /proc/*)/comm 2>/dev/null | sort -u
end

function __ghostswap_cgroups
    set -l begin (commandline -ct | string replace -r '^--cgroup=' '')
    for group in /sys/fs/cgroup/$begin*/
        string replace /sys/fs/cgroup/ '' $group
    end
end

function __ghostswap_ghosts
    for device in /dev/mapper/ghostswap-*
        string replace /dev/mapper/ '' $device
    end
end

complete -c ghostswap -f
complete -c ghostswap -n '__ghostswap_command' -a estimate-dedup -d 'Estimate what zram, zswap, dedup and KSM would save'
complete -c ghostswap -n '__ghostswap_command' -a fleet -d 'Say what many hosts would save, and what they share'
complete -c ghostswap -n '__ghostswap_command' -a inspect -d 'Explain swap files and devices, or how this host swaps'
complete -c ghostswap -n '__ghostswap_command' -a label -d 'Show or change the label and the UUID of a swap area'
complete -c ghostswap -n '__ghostswap_command' -a mkghost -d 'Write a ghost swap file: one page, for any size of area'
complete -c ghostswap -n '__ghostswap_command' -a off -d 'Give up ghost areas; memory takes back what they hold'
complete -c ghostswap -n '__ghostswap_command' -a on -d 'Swap to a ghost area: to zswap alone, without a disk'
complete -c ghostswap -n '__ghostswap_command' -a plan -d 'Say how large a swap area should be'
complete -c ghostswap -n '__ghostswap_command' -a help -d 'Show the help of a command'
complete -c ghostswap -n '__ghostswap_command help' -a 'estimate-dedup fleet inspect label mkghost off on plan'

complete -c ghostswap -n '__ghostswap_command' -s V -l version -d 'Print the version'
complete -c ghostswap -n '__ghostswap_command' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command estimate-dedup' -F
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s p -l pid -r -f -a '(__fish_complete_pids)' -d 'A running process; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l name -r -f -a '(__ghostswap_processes)' -d 'Processes so named; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l user -r -f -a '(__fish_complete_users)' -d 'A user\'s processes; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l cgroup -r -f -a '(__ghostswap_cgroups)' -d 'Processes of a control group and below; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l all -d 'Every process but this one'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l children -d 'Also all descendants of the processes named'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l raw -d 'Files are raw pages, whatever they look like'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l max-expansion -r -f -d 'Unpack to N times a file\'s size at most (default: 1000)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l algorithm -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'lz4 (default), lz4hc, zstd[:LEVEL], lzo, lzo-rle or deflate; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l recompress -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'zram after NAME too: [:huge|idle|all][:threshold=BYTES]'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l kernel -r -f -a '6.1 6.12 6.18 7.1 7.2' -d 'Of this kernel, as 6.1 (default: the running one)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l zpool -r -f -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator (default: that kernel\'s)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l ghost -d 'All areas are ghosts: refused pages stay in RAM'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l no-writeback -d 'memory.zswap.writeback=0: nothing to disk'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l whole-huge-pages -d 'Swap is a block device that does not seek (before 6.13)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l page-size -r -f -a '4096 8192 16384 32768 65536' -d 'Size of a page, as 16K (default: this machine\'s)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l engine -r -f -a 'library kernel' -d 'By libraries, or by this kernel\'s zram (root)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l verify -d 'Use both engines and show the difference (root)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l group-by -r -f -a 'source cgroup mapping kind' -d 'Also count pages by group'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l top -r -f -d 'The N most copied contents, how they begin'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l histogram -d 'Also how many contents have how many copies'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l quick -d 'Compress a sample only; dedup stays exact'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l error -r -f -d 'With --quick: error of the pool (default: 0.5%)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l seed -r -f -d 'With --quick, another sample (default: 0)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l idle -r -f -d 'Only pages that nothing touches for so long, as 30s or 2min (root)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l tracker -r -f -a 'auto page-idle damon' -d 'With --idle, what tells: /sys/kernel/mm/page_idle or DAMON'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l save -r -F -d 'Keep the census as Parquet; no page contents'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l salt-file -r -F -d 'Key (mode 0600) that makes censuses comparable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l new-salt-file -r -F -d 'Make such a key, in a new FILE, and use it'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l host -r -f -d 'Whose memory it is (default: this machine\'s)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l taken -r -f -d 'When it was so, in ISO 8601 (default: now)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l private -d 'Leave out the order of pages and exact sizes'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l one-in -r -f -d 'Keep one content in N, the same on all hosts'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l plot -r -F -d 'Draw a picture too: a .svg, .png or .html file'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l jobs -r -f -d 'Processes that compress (default: one a CPU)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s n -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s o -l output -r -f -a '(__fish_complete_list , "printf %s\\n SYSTEM ALGORITHM POOL METADATA RAM SAVED RATIO ERROR DEDUP COMPRESS DECOMPRESS")' -d 'Columns of the main table, in this order'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command fleet' -F
complete -c ghostswap -n '__ghostswap_command fleet' -l algorithm -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'Only this one of those that the files have; repeatable'
complete -c ghostswap -n '__ghostswap_command fleet' -l engine -r -f -a 'duckdb spark' -d 'What counts a fleet'
complete -c ghostswap -n '__ghostswap_command fleet' -l master -r -f -d 'Spark\'s, or sc://HOST for Spark Connect (default: local)'
complete -c ghostswap -n '__ghostswap_command fleet' -l memory -r -f -d 'What the engine may take (default: 1G); it spills to $TMPDIR'
complete -c ghostswap -n '__ghostswap_command fleet' -l skip-bad -d 'Leave out files of a fleet that are unusable'
complete -c ghostswap -n '__ghostswap_command fleet' -l kernel -r -f -a '6.1 6.12 6.18 7.1 7.2' -d 'Of this kernel, as 6.1 (default: the running one)'
complete -c ghostswap -n '__ghostswap_command fleet' -l zpool -r -f -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator (default: that kernel\'s)'
complete -c ghostswap -n '__ghostswap_command fleet' -l ghost -d 'All areas are ghosts: refused pages stay in RAM'
complete -c ghostswap -n '__ghostswap_command fleet' -l no-writeback -d 'memory.zswap.writeback=0: nothing to disk'
complete -c ghostswap -n '__ghostswap_command fleet' -l min-hosts -r -f -d 'How many contents are on K hosts or more (default: 2)'
complete -c ghostswap -n '__ghostswap_command fleet' -l pairs -r -f -d 'The N pairs of hosts that share most (default: 10)'
complete -c ghostswap -n '__ghostswap_command fleet' -l new-salt-file -r -F -d 'Only make the key that all hosts are to have'
complete -c ghostswap -n '__ghostswap_command fleet' -l plot -r -F -d 'Draw a picture too: a .svg, .png or .html file'
complete -c ghostswap -n '__ghostswap_command fleet' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command fleet' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command fleet' -s n -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command fleet' -s o -l output -r -f -a '(__fish_complete_list , "printf %s\\n SYSTEM ALGORITHM SUM-RAM P5 P50 P95 SHARED-RAM ERROR")' -d 'Columns of the main table, in this order'
complete -c ghostswap -n '__ghostswap_command fleet' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command fleet' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command inspect' -F
complete -c ghostswap -n '__ghostswap_command inspect' -l fix -d 'Mend PATH where that is safe and local to it'
complete -c ghostswap -n '__ghostswap_command inspect' -l cgroups -d 'Also show control groups: zswap, ages of memory'
complete -c ghostswap -n '__ghostswap_command inspect' -l watch -r -f -d 'Show the host again and again, until Ctrl-C'
complete -c ghostswap -n '__ghostswap_command inspect' -l openmetrics -d 'Print OpenMetrics, as node_exporter takes it'
complete -c ghostswap -n '__ghostswap_command inspect' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command inspect' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command inspect' -s n -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command inspect' -s o -l output -r -f -a '(__fish_complete_list , "printf %s\\n PRIORITY NAME TYPE SIZE USED MEDIUM")' -d 'Columns of the main table, in this order'
complete -c ghostswap -n '__ghostswap_command inspect' -l root -r -f -a '(__fish_complete_directories)' -d 'Host whose proc/ and sys/ are below DIR'
complete -c ghostswap -n '__ghostswap_command inspect' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command inspect' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command label' -F
complete -c ghostswap -n '__ghostswap_command label' -s L -l label -r -f -d 'New label, up to 15 bytes; \'\' for none'
complete -c ghostswap -n '__ghostswap_command label' -s U -l uuid -r -f -a 'random nil' -d 'New UUID'
complete -c ghostswap -n '__ghostswap_command label' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command label' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command label' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command mkghost' -F
complete -c ghostswap -n '__ghostswap_command mkghost' -s s -l size -r -f -d 'Of the area, header page included: 512M, 64GiB, 2TB'
complete -c ghostswap -n '__ghostswap_command mkghost' -l pages -r -f -d 'The same in pages, the header page included'
complete -c ghostswap -n '__ghostswap_command mkghost' -s L -l label -r -f -d 'Label, up to 15 bytes of UTF-8'
complete -c ghostswap -n '__ghostswap_command mkghost' -s U -l uuid -r -f -a 'random nil' -d 'UUID of the area'
complete -c ghostswap -n '__ghostswap_command mkghost' -s p -l page-size -r -f -a '4096 8192 16384 65536' -d 'Of the kernel it is for, in bytes (default: this machine\'s)'
complete -c ghostswap -n '__ghostswap_command mkghost' -s e -l endianness -r -f -a 'native little big' -d 'Byte order of the header'
complete -c ghostswap -n '__ghostswap_command mkghost' -s f -l force -d 'Replace an existing regular file, atomically'
complete -c ghostswap -n '__ghostswap_command mkghost' -l dry-run -d 'Check and show everything, write nothing'
complete -c ghostswap -n '__ghostswap_command mkghost' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command mkghost' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command mkghost' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command mkghost' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command off' -F -a '(__ghostswap_ghosts)'
complete -c ghostswap -n '__ghostswap_command off' -s a -l all -d 'Every ghost area'
complete -c ghostswap -n '__ghostswap_command off' -l force -d 'Even if memory may not hold what is in the area'
complete -c ghostswap -n '__ghostswap_command off' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command off' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command off' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command off' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command on' -F
complete -c ghostswap -n '__ghostswap_command on' -l size -r -f -d 'An area of this size; its file is made, and without PATH removed by `off`'
complete -c ghostswap -n '__ghostswap_command on' -s p -l priority -r -f -d '0 to 32767; higher is used first'
complete -c ghostswap -n '__ghostswap_command on' -l enable-zswap -d 'Turn zswap on, should it be off'
complete -c ghostswap -n '__ghostswap_command on' -l no-writeback -d 'Until `off`, have zswap write nothing to any swap area'
complete -c ghostswap -n '__ghostswap_command on' -l dry-run -d 'Print the shell lines it stands for, do nothing'
complete -c ghostswap -n '__ghostswap_command on' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command on' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command on' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command on' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command plan' -F
complete -c ghostswap -n '__ghostswap_command plan' -s p -l pid -r -f -a '(__fish_complete_pids)' -d 'A running process; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l name -r -f -a '(__ghostswap_processes)' -d 'Processes so named; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l user -r -f -a '(__fish_complete_users)' -d 'A user\'s processes; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l cgroup -r -f -a '(__ghostswap_cgroups)' -d 'Processes of a control group and below; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l all -d 'Every process but this one'
complete -c ghostswap -n '__ghostswap_command plan' -l children -d 'Also all descendants of the processes named'
complete -c ghostswap -n '__ghostswap_command plan' -l raw -d 'Files are raw pages, whatever they look like'
complete -c ghostswap -n '__ghostswap_command plan' -l max-expansion -r -f -d 'Unpack to N times a file\'s size at most (default: 1000)'
complete -c ghostswap -n '__ghostswap_command plan' -l ratio -r -f -d 'State a ratio instead of measuring, such as 3.2'
complete -c ghostswap -n '__ghostswap_command plan' -l live -d 'Take the ratio that zswap or zram has here now; no page is read'
complete -c ghostswap -n '__ghostswap_command plan' -l margin -r -f -d 'Pages may be so far off (default: 0; --ratio: 10%)'
complete -c ghostswap -n '__ghostswap_command plan' -l zero-pages -r -f -a 'include exclude' -d 'Whether zero pages of dumps were in use (default: exclude)'
complete -c ghostswap -n '__ghostswap_command plan' -l ram -r -f -d 'RAM, of several machines too (default: this host\'s)'
complete -c ghostswap -n '__ghostswap_command plan' -l max-pool-percent -r -f -d 'Of RAM, for the pool (default: zswap\'s own, else 20; zram: 50)'
complete -c ghostswap -n '__ghostswap_command plan' -l demand -r -f -a 'idle capacity' -d 'Memory to swap out; idle: what MGLRU calls unused; capacity: as the pool holds'
complete -c ghostswap -n '__ghostswap_command plan' -l eviction -r -f -a '10%' -d 'Keep kubelet\'s memory.available truthful: swap so small that it evicts in time'
complete -c ghostswap -n '__ghostswap_command plan' -l idle -r -f -d 'Only pages that nothing touches for so long, as 30s or 2min (root)'
complete -c ghostswap -n '__ghostswap_command plan' -l tracker -r -f -a 'auto page-idle damon' -d 'With --idle, what tells: /sys/kernel/mm/page_idle or DAMON'
complete -c ghostswap -n '__ghostswap_command plan' -l system -r -f -a 'zram zswap zram+recompress zram+dedup zswap+dedup ksm' -d 'What holds the pages (default: zswap)'
complete -c ghostswap -n '__ghostswap_command plan' -l design -r -f -a 'ghost swapfile zram' -d 'What has the slots (default: ghost; of zram systems zram)'
complete -c ghostswap -n '__ghostswap_command plan' -l algorithm -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'Compressor (default: this host\'s; of a REPORT, its first)'
complete -c ghostswap -n '__ghostswap_command plan' -l kernel -r -f -a '6.1 6.12 6.18 7.1 7.2' -d 'Whose slots, as 6.1 (default: the estimate\'s kernel)'
complete -c ghostswap -n '__ghostswap_command plan' -l page-size -r -f -a '4096 8192 16384 32768 65536' -d 'Size of a page, as 16K (default: this machine\'s)'
complete -c ghostswap -n '__ghostswap_command plan' -l quick -d 'Compress a sample only'
complete -c ghostswap -n '__ghostswap_command plan' -l compare -d 'Show other systems and designs, and what wrong sizes cost'
complete -c ghostswap -n '__ghostswap_command plan' -l explain -d 'Show how each figure comes about'
complete -c ghostswap -n '__ghostswap_command plan' -l print -r -f -a 'pages bytes mib' -d 'The recommended size alone, a plain number'
complete -c ghostswap -n '__ghostswap_command plan' -l emit -r -f -a 'sh fstab systemd zram-generator' -d 'Print the lines that set it up'
complete -c ghostswap -n '__ghostswap_command plan' -l fleet -d 'The arguments are censuses of many hosts: one rule for all'
complete -c ghostswap -n '__ghostswap_command plan' -l engine -r -f -a 'duckdb spark' -d 'What counts a fleet'
complete -c ghostswap -n '__ghostswap_command plan' -l master -r -f -d 'Spark\'s, or sc://HOST for Spark Connect (default: local)'
complete -c ghostswap -n '__ghostswap_command plan' -l memory -r -f -d 'What the engine may take (default: 1G); it spills to $TMPDIR'
complete -c ghostswap -n '__ghostswap_command plan' -l skip-bad -d 'Leave out files of a fleet that are unusable'
complete -c ghostswap -n '__ghostswap_command plan' -l path -r -F -d 'The file of --emit (default: /var/swap/ghost or /var/swap/swapfile)'
complete -c ghostswap -n '__ghostswap_command plan' -l plot -r -F -d 'Draw a picture too: a .svg, .png or .html file'
complete -c ghostswap -n '__ghostswap_command plan' -s J -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command plan' -s b -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command plan' -s n -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command plan' -s o -l output -r -f -a '(__fish_complete_list , "printf %s\\n RAM SYSTEM RATIO POOL-LIMIT HOLDS AT-WORST AT-BEST SIZE RECOMMENDED PAGES TO-DISK")' -d 'Columns of the main table, in this order'
complete -c ghostswap -n '__ghostswap_command plan' -l root -r -f -a '(__fish_complete_directories)' -d 'Host whose proc/ and sys/ are below DIR'
complete -c ghostswap -n '__ghostswap_command plan' -s q -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command plan' -s h -l help -d 'Show this message and exit'
