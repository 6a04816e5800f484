"""The engine and the training programs as processes: started, watched, ended, and what their ends are called."""
