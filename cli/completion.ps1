# PowerShell completion for aws-credproc. It evaluates nothing that is typed, and runs only the
# program on the PATH: another one may be in the working directory.

Register-ArgumentCompleter -Native -CommandName 'aws-credproc', 'aws-credproc.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $name = 'aws-credproc'
    $absolute = '^/'
    if ([Environment]::OSVersion.Platform -eq [PlatformID]::Win32NT) {
        $name = 'aws-credproc.exe'
        $absolute = '^([A-Za-z]:[\\/]|\\\\)'
    }
    $program = $null
    foreach ($folder in "$env:PATH".Split([IO.Path]::PathSeparator)) {
        $path = $folder.TrimEnd('/', '\') + [IO.Path]::DirectorySeparatorChar + $name
        if ($path -match $absolute -and [IO.File]::Exists($path)) {
            $program = $path
            break
        }
    }
    if ($null -eq $program) { return }

    # The words before the cursor, as they are typed: a variable or an expression is not evaluated.
    $words = @('__complete')
    $current = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        if ($element.Extent.StartOffset -ge $cursorPosition) { break }
        $text = $element.Extent.Text
        if ($element -is [Management.Automation.Language.StringConstantExpressionAst]) {
            $text = $element.Value
        }
        if ($element.Extent.EndOffset -ge $cursorPosition) {
            $current = $text
            break
        }
        $words += $text
    }
    $words += $current

    # As programs on Windows, and .NET on other systems, split a command line.
    $quoted = foreach ($word in $words) {
        '"' + ($word -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"'
    }
    $start = [Diagnostics.ProcessStartInfo]::new($program, $quoted -join ' ')
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = [Text.Encoding]::UTF8
    try { $process = [Diagnostics.Process]::Start($start) } catch { return }
    $process.BeginErrorReadLine()
    $lines = $process.StandardOutput.ReadToEnd().TrimEnd().Replace("`r", '').Split("`n")
    $process.WaitForExit()
    if ($lines[-1] -notmatch '^:([0-9]{1,9})\z') { return }
    $directive = [int]$Matches[1]
    if ($process.ExitCode -ne 0 -or ($directive -band 1) -ne 0) { return }

    # The value of --flag=value comes without the flag.
    $flag = ''
    if ($current -match '^-[^=]*=') { $flag = $Matches[0] }
    foreach ($line in $lines) {
        if ($line -ceq $lines[-1] -or $line -eq '') { continue }
        $candidate, $description = $line.Split("`t", 2)
        $result = $flag + $candidate
        if (-not $result.StartsWith($current, [StringComparison]::Ordinal)) { continue }
        if (-not $description) { $description = $candidate }
        $inserted = $result
        if ($inserted -notmatch '^[A-Za-z0-9_./:=+-]+\z') { # it must not be evaluated when it is run
            $escaped = [Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($result)
            $inserted = "'" + $escaped + "'"
        }
        [Management.Automation.CompletionResult]::new($inserted, $candidate, 'ParameterValue', $description)
    }
}
