"""What the bench of the verifiers compares and grades: other projects' graders, rules left out, labelled cases."""
