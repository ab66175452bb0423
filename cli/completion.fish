# fish completion for aws-credproc. It evaluates nothing that is typed, and runs only the program on
# the PATH: another one may be in the working directory.

function __aws_credproc_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (command -s aws-credproc)
    string match -q -- '/*' $program
    or return
    set -l lines ($program __complete $words[2..-1] "$current" 2>/dev/null)
    or return
    set -l directive (string trim -l -c : -- $lines[-1])
    string match -q -r -- '^[0-9]+$' $directive
    or return
    test (math "bitand($directive, 1)") -eq 0
    or return

    # The value of --flag=value comes without the flag, and fish wants both.
    set -l flag (string match -r -- '^-[^=]*=' "$current")
    printf "$flag%s\n" $lines[1..-2]
    if test (count $lines) -eq 1 -a (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$current"
    end
end

complete -c aws-credproc -f -a '(__aws_credproc_complete)'
