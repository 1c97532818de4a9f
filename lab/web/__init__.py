"""The server: its door, routes, live line and visitors.

Public, by module:

- `page_door`: is_answered
- `public_text`: without_paths
- `search_routes`: AddBody, AskBody, ShowBody
- `security`: Access
- `server`: build_app, page_url
- `uploads`: drop_upload, uploaded_files
- `visitor`: Visitor
- `visitors`: Visitors
"""
