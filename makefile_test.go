package streamer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Whoever names a stage's outputs may have cloned into a folder with a space in its name.
func TestOutputsOfAFolderWithASpace(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "my clones")
	for name, content := range map[string]string{
		"Makefile": text(t, "Makefile"), "outputs.json": "{}",
		"bin/go": "#!/bin/sh\nprintf %s \"$STREAMER_OUTPUTS\"\n",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"inspect", "dashboard", "integ", "account"} {
		run := exec.CommandContext(t.Context(), "make", "--silent", "--old-file=node_modules", target, "OUTPUTS=outputs.json")
		run.Dir = folder
		run.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
		if said, err := run.CombinedOutput(); err != nil || string(said) != filepath.Join(folder, "outputs.json") {
			t.Errorf("make %s: %v: %s", target, err, said)
		}
	}
}
